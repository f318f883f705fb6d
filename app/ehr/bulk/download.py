"""Downloads one file and proves it whole before it gets its name."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2

from app.ehr.bulk.disk import PartFile
from app.ehr.bulk.exchange import Exchange, ExchangeError, refused, translated
from app.ehr.bulk.job_state import FileState
from app.ehr.bulk.lines import BadContentError, LineCheck

_GZIP = b"\x1f\x8b"
_HEADERS = {"Accept": "application/fhir+ndjson", "Accept-Encoding": "gzip"}


async def download(exchange: Exchange, file: FileState, folder: Path, *, token: bool) -> None:
    """Fetch and verify one file, then record size, resources and hash in `file`.

    Raises ExchangeError when it did not arrive whole, BadContentError when it is not what the manifest says,
    DiskError.  What came so far stays under the `.part` name.
    """
    check = LineCheck(file.kind, headers=file.organised)
    with PartFile(folder / file.name) as part:
        async with exchange.stream("GET", file.url, _HEADERS, token=token) as response:
            _require_success(response)
            async for data in _content(response):
                check.feed(data)
                part.write(data)
        check.finish()
        verify_count(file, check.resources)
        part.commit()
        file.size, file.resources, file.sha256 = part.size, check.resources, part.sha256


def _require_success(response: httpx2.Response) -> None:
    if response.status_code != 200:
        raise refused(response.status_code, response.headers)


def verify_count(file: FileState, resources: int) -> None:
    """Raises BadContentError when the manifest counted otherwise; a manifest need not count."""
    for count in file.counts:
        if count != resources:
            raise BadContentError(f"holds {resources} resources where the manifest counts {count}")


def is_whole_on_disk(file: FileState, folder: Path) -> bool:
    """Whether the file has its name already and is what the manifest says: a run died before it noted so."""
    path = folder / file.name
    check, digest = LineCheck(file.kind, headers=file.organised), hashlib.sha256()
    try:
        with path.open("rb") as opened:
            while data := opened.read(1 << 20):
                digest.update(data)
                check.feed(data)
        check.finish()
        verify_count(file, check.resources)
    except (OSError, BadContentError):
        return False
    file.size, file.resources, file.sha256 = path.stat().st_size, check.resources, digest.hexdigest()
    return True


async def _content(response: httpx2.Response) -> AsyncIterator[bytes]:
    """The decoded body; a body shorter than announced, or a gzip stream without its end, is an error."""
    encoding = response.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in {"identity", "gzip", "x-gzip", ""}:
        raise BadContentError("came in an encoding that was not asked for")
    arrived = 0
    gunzip: _Gunzip | None = _Gunzip() if "gzip" in encoding else None
    first = True
    async for chunk in translated(response.aiter_raw()):
        arrived += len(chunk)
        # Storage serves compressed files without saying so; no JSON begins with these two bytes.
        if first and gunzip is None and chunk.startswith(_GZIP):
            gunzip = _Gunzip()
        first = first and not chunk
        yield gunzip.feed(chunk) if gunzip else chunk
    announced = response.headers.get("content-length", "")
    if announced.isdecimal() and arrived != int(announced):
        raise ExchangeError(f"sent {arrived} of {announced} bytes", passing=True)
    if gunzip:
        gunzip.finish()


class _Gunzip:
    """Unpacks a gzip stream of one or several members, checking each one's length and checksum."""

    def __init__(self) -> None:
        self._member = zlib.decompressobj(wbits=31)
        self._begun = False

    def feed(self, data: bytes) -> bytes:
        unpacked: list[bytes] = []
        while data:
            if self._member.eof:
                self._member = zlib.decompressobj(wbits=31)
            try:
                unpacked.append(self._member.decompress(data))
            except zlib.error:
                raise ExchangeError("sent a damaged compressed file", passing=True) from None
            self._begun = True
            data = self._member.unused_data
        return b"".join(unpacked)

    def finish(self) -> None:
        if self._begun and not self._member.eof:
            raise ExchangeError("sent a compressed file that breaks off", passing=True)
