"""Checks NDJSON as it streams by: whole lines, JSON, the promised type, an id; across any chunk borders."""

from __future__ import annotations

import codecs

import msgspec
from msgspec import Struct

MAX_LINE = 64 * 1024 * 1024


class BadContentError(Exception):
    """The content is not what the manifest promised; the message is a sentence without patient data."""


class _Head(Struct, gc=False, rename="camel"):
    resource_type: str = ""
    id: str = ""


_HEAD = msgspec.json.Decoder(_Head)


class LineCheck:
    """Feed it bytes.  kind: the promised resource type, None when the file holds several.

    headers: the export is organised by a resource, so blocks begin with a `Parameters` line that is no data.
    """

    def __init__(self, kind: str | None, *, headers: bool = False) -> None:
        self.resources = 0
        self._kind, self._headers = kind, headers
        self._line = 0
        self._rest: list[bytes] = []
        self._rest_size = 0

    def feed(self, data: bytes) -> None:
        """Raises BadContentError at the first line that is wrong."""
        *whole, rest = data.split(b"\n")
        for piece in whole:
            self._take(b"".join((*self._rest, piece)))
            self._rest, self._rest_size = [], 0
        self._rest.append(rest)
        self._rest_size += len(rest)
        if self._rest_size > MAX_LINE:
            raise BadContentError(f"line {self._line + 1} is longer than {MAX_LINE // 2**20} MB")

    def finish(self) -> None:
        """The last line need not end with a line break."""
        if any(self._rest):
            self._take(b"".join(self._rest))
        self._rest = []

    def _take(self, line: bytes) -> None:
        self._line += 1
        if self._line == 1:
            line = line.removeprefix(codecs.BOM_UTF8)
        line = line.strip()
        if not line:
            return
        try:
            line.decode()
            head = _HEAD.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise BadContentError(self._said(line)) from None
        if self._headers and head.resource_type == "Parameters":
            return
        if not head.resource_type:
            raise BadContentError(f"line {self._line} is no resource")
        if self._kind is not None and head.resource_type != self._kind:
            raise BadContentError(f"line {self._line} holds another type than {self._kind}")
        if self._kind not in {"OperationOutcome", "Bundle"} and not head.id:
            raise BadContentError(f"line {self._line} has no id")
        self.resources += 1

    def _said(self, line: bytes) -> str:
        if line.startswith(b"<"):
            return f"line {self._line} is markup, not JSON: probably a page of a sign-in or a proxy"
        return f"line {self._line} is not JSON"
