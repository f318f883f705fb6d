"""Applies faults to one request: the answer instead, the spoiled bundle, the cut body."""

import copy
import json
from dataclasses import dataclass

import anyio
from starlette.responses import Response

from app.sandbox.config import Resource
from app.sandbox.faults import Fault
from app.sandbox.outcomes import HTML_404, Issue, outcome
from app.sandbox.records import patient_of
from app.sandbox.site import Site

FOREIGN_HOST = "https://elsewhere.invalid"


@dataclass(frozen=True, slots=True)
class Spoiler:
    """What goes wrong with one request; with no fault every method passes its argument through."""

    site: Site
    fault: Fault | None
    answer: Response | None = None

    @staticmethod
    async def take(site: Site, resource_type: str, patient: str | None) -> "Spoiler":
        """Count the faults due for this request, wait out a slow one, and prepare the rest."""
        fault: Fault | None = None
        for due in site.faults.take(resource_type, patient):
            if due.kind == "slow":
                await anyio.sleep(due.seconds)
            else:
                fault = due
        return Spoiler(site, fault, _instead(fault) if fault else None)

    def spoil(self, bundle: Resource, patient: str | None) -> Resource:
        """The bundle with its paging or its content spoiled."""
        kind = self.fault.kind if self.fault else ""
        if kind == "foreign_resource":
            return self._with_foreign(bundle, patient)
        own = next((link["url"] for link in bundle.get("link", []) if link["relation"] == "self"), "")
        nexts = {
            "broken_next": f"{self.site.fhir_base}/page/that-does-not-exist",
            "paging_loop": own,
            "foreign_next": f"{FOREIGN_HOST}/fhir/page/2",
        }
        if kind not in nexts:
            return bundle
        others = [link for link in bundle.get("link", []) if link["relation"] != "next"]
        return {**bundle, "link": [{"relation": "next", "url": nexts[kind]}, *others]}

    def _with_foreign(self, bundle: Resource, patient: str | None) -> Resource:
        entries = bundle.get("entry", [])
        kind = next((entry["resource"]["resourceType"] for entry in entries), "MedicationRequest")
        for candidate in self.site.records.of(kind):
            if patient_of(candidate) not in {None, patient}:
                stranger = copy.deepcopy(candidate)
                url = f"{self.site.fhir_base}/{kind}/{stranger['id']}"
                entry = {"fullUrl": url, "resource": stranger, "search": {"mode": "match"}}
                return {**bundle, "entry": [*entries, entry]}
        return bundle

    def lost(self, response: Response) -> Response:
        """An error in place of the response, where that is the fault."""
        return _server_error() if self.fault is not None and self.fault.kind == "lost_answer" else response

    def cut(self, response: Response) -> Response:
        """The response with half its body, where that is the fault."""
        if self.fault is None or self.fault.kind != "truncated_json":
            return response
        body = bytes(response.body)
        return Response(
            body[: len(body) // 2], 200, media_type=response.media_type or "application/fhir+json"
        )


def _instead(fault: Fault) -> Response | None:
    if fault.kind == "429":
        return Response(b"", 429, {"Retry-After": str(fault.retry_after)})
    if fault.kind == "422":
        body = json.dumps(outcome("generic", Issue("business-rule", "the site's own rule refuses it")))
        return Response(body, 422, media_type="application/fhir+json")
    if fault.kind == "500":
        return _server_error()
    if fault.kind == "empty_403":
        return Response(b"", 403, {"WWW-Authenticate": 'Bearer error="insufficient_scope"'})
    if fault.kind == "html_404":
        return Response(HTML_404, 404, media_type="text/html")
    return None


def _server_error() -> Response:
    return Response("Internal error", 500, media_type="text/plain")
