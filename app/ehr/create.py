"""Create one resource at one FHIR server; never sent twice unless the EHR said that the first was not taken."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass

import httpx2
import msgspec

from app.ehr.client import FHIR_JSON, TokenProvider
from app.ehr.http import CONNECT_SECONDS
from app.ehr.servers import server_of
from app.ehr.vendors import VendorProfile
from app.errors import LtotError

WRITE_SECONDS = 8.0
_LONGEST_REASON = 200
_NOT_TAKEN = frozenset({501, 503})
_REASONS = {
    400: "the EHR could not accept it as it stands",
    401: "the EHR no longer accepts the sign-in",
    403: "the EHR does not let this user or this app write it",
    404: "the EHR offers no way to write it",
    405: "the EHR offers no way to write it",
    409: "the EHR found it in conflict with what it has",
    412: "the EHR found more than one like it",
    422: "the EHR could not accept it as it stands",
    429: "the EHR is busy",
    501: "the EHR offers no way to write it",
    503: "the EHR is not available",
}


@dataclass(frozen=True, slots=True)
class Created:
    """The resource is at the EHR under this reference, such as Procedure/17."""

    reference: str


@dataclass(frozen=True, slots=True)
class NotCreated:
    """Why it is not, in words.  unsure: it may be there although the EHR did not say so."""

    reason: str
    unsure: bool = False


class _Detail(msgspec.Struct, gc=False):
    text: str = ""


class _Issue(msgspec.Struct, gc=False):
    diagnostics: str = ""
    details: _Detail | None = None


class _Outcome(msgspec.Struct, gc=False):
    issue: list[_Issue] = []


@dataclass(frozen=True, slots=True)
class FhirWriter:
    """Creates resources at one FHIR base for one launch."""

    base_url: str
    http: httpx2.AsyncClient
    tokens: TokenProvider
    profile: VendorProfile
    client_id: str = ""

    async def create(self, kind: str, body: bytes, *, unless_identifier: str = "") -> Created | NotCreated:
        """POST one resource.

        unless_identifier: system|value under which an earlier attempt may have left it; servers that know
        conditional creation then answer with that one.
        """
        server = server_of(self.http, self.base_url.rstrip("/"))
        if not server.admits(time.monotonic()):
            return NotCreated("the EHR does not answer at present")
        condition = {"If-None-Exist": f"identifier={unless_identifier}"} if unless_identifier else {}
        rejected: str | None = None
        try:
            async with server.slots:
                while True:
                    token = await self.tokens(rejected=rejected)
                    answer = await self._post(kind, body, token, condition)
                    if answer.status_code != 401 or rejected is not None:
                        break
                    rejected = token
        except LtotError as error:
            if error.entry.code != "LT-203":
                raise
            return NotCreated(_REASONS[401])
        except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout):
            server.failed(time.monotonic())
            return NotCreated("the EHR could not be reached")
        except httpx2.HTTPError:
            server.failed(time.monotonic())
            return NotCreated("the EHR did not answer in time", unsure=True)
        return _read(kind, answer)

    async def _post(self, kind: str, body: bytes, token: str, more: dict[str, str]) -> httpx2.Response:
        headers = {
            "Accept": FHIR_JSON,
            "Content-Type": FHIR_JSON,
            "Prefer": "return=minimal",
            "Authorization": f"Bearer {token}",
            **self.profile.headers(self.client_id),
            **more,
        }
        timeout = httpx2.Timeout(WRITE_SECONDS, connect=CONNECT_SECONDS)
        address = f"{self.base_url.rstrip('/')}/{kind}"
        return await self.http.post(
            address, content=body, headers=headers, timeout=timeout, follow_redirects=False
        )


def _read(kind: str, answer: httpx2.Response) -> Created | NotCreated:
    status = answer.status_code
    if status in {200, 201}:
        # Longer than FHIR's 64 characters: ids of some vendors are.
        found = re.search(
            rf"(?:^|/)({kind}/[A-Za-z0-9._-]{{1,255}})(?:/_history/[^/]+)?$",
            answer.headers.get("location", ""),
        )
        if found:
            return Created(found[1])
        return NotCreated("the EHR took it without saying where it is", unsure=True)
    reason = _REASONS.get(status, f"the EHR answered with status {status}")
    said = _said(answer.content)
    return NotCreated(f"{reason}{f': {said}' if said else ''}", unsure=_may_be_there(status))


def _may_be_there(status: int) -> bool:
    """Only a refusal says that nothing was kept; 202 or 204, and what a gateway says of its own, do not."""
    return status < 300 or status == 408 or (status >= 500 and status not in _NOT_TAKEN)


def _said(body: bytes) -> str:
    """The EHR's own words, for the person who recorded it; never for logs."""
    try:
        outcome = msgspec.json.decode(body, type=_Outcome)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return ""
    texts = [issue.diagnostics or (issue.details.text if issue.details else "") for issue in outcome.issue]
    return "; ".join(dict.fromkeys(text.strip() for text in texts if text.strip()))[:_LONGEST_REASON]
