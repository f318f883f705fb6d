"""The kick-off: sent once, because a server that took it starts to work."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode, urljoin

from app.ehr.bulk.config import ExportConfig, Level
from app.ehr.bulk.exchange import CredentialsError, Exchange, ExchangeError, refused
from app.ehr.bulk.results import StoppedError
from app.ehr.bundles import read_outcome

FHIR_JSON = "application/fhir+json"
_NDJSON = "application/fhir+ndjson"
_WANTS_POST = frozenset({405, 501})


class KickOffError(StoppedError):
    """The export did not start; the message is a sentence.

    uncertain: it may have started all the same.  later: nothing started, the same request may succeed after
    `wait` (a Retry-After value).  other_method: the server wants POST in place of GET.
    """

    def __init__(
        self,
        text: str,
        *,
        uncertain: bool = False,
        later: bool = False,
        wait: str | None = None,
        other_method: bool = False,
    ) -> None:
        super().__init__(text)
        self.uncertain, self.later, self.wait, self.other_method = uncertain, later, wait, other_method


@dataclass(frozen=True, slots=True)
class Request:
    """A kick-off as it will be sent.  shown: its parameters but for patients, for the log."""

    method: str
    url: str
    body: bytes | None
    shown: dict[str, object]


def kick_off_requests(config: ExportConfig) -> tuple[Request, ...]:
    """The kick-off, and for servers that take no GET the same by POST."""
    path = {
        Level.SYSTEM: "",
        Level.PATIENT: "/Patient",
        Level.GROUP: f"/Group/{quote(config.group or '', safe='')}",
    }[config.level]
    url = f"{config.base_url.rstrip('/')}{path}/$export"
    # Commas inside filters make comma lists ambiguous: filters are repeated, types (without commas) are not.
    lists = {"_type": ",".join(config.types), "_elements": ",".join(config.elements), "_since": config.since}
    plain = [(name, value) for name, value in lists.items() if value]
    filters = [("_typeFilter", text) for text in config.type_filters]
    shown: dict[str, object] = {"_outputFormat": _NDJSON, **dict(plain)}
    if filters:
        shown["_typeFilter"] = [text for _, text in filters]
    query = urlencode([("_outputFormat", _NDJSON), *plain, *filters], safe=",/:")
    get = Request("GET", f"{url}?{query}", None, shown)
    post = Request("POST", url, _parameters(config), shown)
    if config.patients or config.post:
        return (post,)
    return (get,) if config.post is False else (get, post)


def _parameters(config: ExportConfig) -> bytes:
    parameters: list[dict[str, Any]] = [{"name": "_outputFormat", "valueString": _NDJSON}]
    # The 4.0 ballot forbids comma lists, so each value is its own parameter.
    named = {"_type": config.types, "_elements": config.elements, "_typeFilter": config.type_filters}
    for name, values in named.items():
        parameters += [{"name": name, "valueString": value} for value in values]
    if config.since:
        parameters.append({"name": "_since", "valueInstant": config.since})
    parameters += [
        {"name": "patient", "valueReference": {"reference": f"Patient/{id_}"}} for id_ in config.patients
    ]
    return json.dumps({"resourceType": "Parameters", "parameter": parameters}).encode()


async def kick_off(exchange: Exchange, request: Request) -> str:
    """The status address, absolute.  Raises KickOffError, or CredentialsError before anything was sent."""
    headers = {"Accept": FHIR_JSON, "Prefer": "respond-async"}
    if request.body is not None:
        headers["Content-Type"] = FHIR_JSON
    try:
        reply = await exchange.request(request.method, request.url, headers, request.body)
    except CredentialsError:
        raise
    except ExchangeError as error:
        uncertain = error.passing and not error.unsent and not error.status
        more = "; it may have started the export all the same" if uncertain else ""
        raise KickOffError(
            f"The EHR {error} at the kick-off{more}.",
            uncertain=uncertain,
            later=error.unsent and error.passing,
        ) from None
    if reply.status == 202:
        return _location(reply.headers.get("content-location"), reply.url)
    raise _refusal(refused(reply.status, reply.headers, reply.body))


def _location(value: str | None, url: str) -> str:
    if not value:
        raise KickOffError(
            "The EHR accepted the export but did not say where its status is (no Content-Location), "
            "so it cannot be followed; report this to the EHR team."
        )
    return urljoin(url, value)


def _refusal(error: ExchangeError) -> KickOffError:
    codes = sorted(read_outcome(error.body).codes)
    said = f" ({', '.join(codes)})" if codes else ""
    if error.status == 429:
        text = (
            f"The EHR takes no new export now{said}: one is running, or this group was exported too recently."
        )
        return KickOffError(text, later=True, wait=error.retry_after)
    if error.status == 503 and error.retry_after:
        return KickOffError(f"The EHR takes no new export now{said}.", later=True, wait=error.retry_after)
    other = error.status in _WANTS_POST
    uncertain = error.status >= 500 and not other
    more = "; it may have started the export all the same" if uncertain else ""
    return KickOffError(
        f"The EHR refused the export: it {error}{said}{more}.", uncertain=uncertain, other_method=other
    )
