"""Searchsets and their pages, in each flavour's shape."""

import secrets
from collections import OrderedDict
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlencode

from app.sandbox.access import Caller, visible
from app.sandbox.config import Resource
from app.sandbox.outcomes import FhirRefusedError, Issue, outcome
from app.sandbox.records import reference_id
from app.sandbox.rules import SearchPlan
from app.sandbox.scopes import Scope
from app.sandbox.search import Params, matches
from app.sandbox.site import Site

MAX_OPEN_SEARCHES = 2000
SHARED_TYPES = frozenset({"Location", "Medication", "Organization", "Practitioner"})


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a search: all hits, where this page starts, and what belongs beside them."""

    kind: str
    hits: tuple[Resource, ...]
    offset: int
    size: int
    self_params: Params
    plan: SearchPlan
    caller: Caller
    patient: str | None
    includes: frozenset[str] = frozenset()
    count_only: bool = False


@dataclass(slots=True)
class Pager:
    """Runs searches and remembers open ones for their `next` links."""

    site: Site
    _open: OrderedDict[str, Page] = field(default_factory=OrderedDict)

    def start(self, kind: str, params: Params, plan: SearchPlan, caller: Caller, scopes: list[Scope]) -> Page:
        """The first page of a search; another patient than the one in context is refused, never emptied."""
        named = _patient_named(kind, params)
        narrow = all(scope.level == "patient" for scope in scopes)
        if narrow and named and named != {caller.patient}:
            raise FhirRefusedError(
                403, Issue("forbidden", "The search is outside this launch's patient.", vendor="4118")
            )
        only = caller.patient if narrow else (next(iter(named)) if len(named) == 1 else None)
        hits = [
            resource
            for resource in self._candidates(kind, only)
            if matches(resource, plan.native)
            and visible(caller, scopes, resource)
            and not _in_categories(resource, plan.withheld_categories)
        ]
        asked = dict(params)
        if self.site.profile.flavour == "oracle" or asked.get("_sort", "").startswith("-"):
            hits.sort(key=_when, reverse=True)
        size = self.site.profile.page_size(kind, _count(asked.get("_count")))
        if self.site.page_size and "_count" not in asked:
            size = min(size, self.site.page_size)
        return Page(
            kind=kind,
            hits=tuple(hits),
            offset=0,
            size=size,
            self_params=[pair for pair in params if pair[0] not in plan.ignored],
            plan=plan,
            caller=caller,
            patient=only,
            includes=frozenset(value for name, value in params if name == "_include"),
            count_only=asked.get("_summary") == "count",
        )

    def _candidates(self, kind: str, only: str | None) -> list[Resource]:
        return self.site.records.of(kind, None if kind in SHARED_TYPES else only)

    def resume(self, token: str, kind: str, caller: Caller) -> Page:
        """A further page; it stays bound to the grant and type of its search."""
        page = self._open.get(token.split("~", maxsplit=1)[0])
        if page is None or page.kind != kind or page.caller.access.grant is not caller.access.grant:
            raise FhirRefusedError(
                404, Issue("not-found", "this page is unknown or has expired", vendor="59008")
            )
        return page

    def bundle(self, page: Page) -> Resource:
        """The searchset Bundle of a page."""
        flavour = self.site.profile.flavour
        if page.count_only:
            return {"resourceType": "Bundle", "type": "searchset", "total": len(page.hits)}
        cut = page.hits[page.offset : page.offset + page.size]
        shown = [resource for resource in cut if matches(resource, page.plan.after_paging)]
        entries = [self._entry(resource, "match") for resource in shown]
        entries.extend(self._entry(resource, "include") for resource in self._included(page, shown))
        bundle: dict[str, Any] = {"resourceType": "Bundle", "type": "searchset"}
        if flavour == "generic":
            bundle["total"] = len(page.hits)
        if flavour == "epic":
            bundle["total"] = len(shown)
        bundle["link"] = self._links(page)
        warnings = list(page.plan.warnings)
        if flavour == "epic" and not shown:
            text = "Resource request returns no results."
            warnings.append(Issue("processing", text, "warning", "4101"))
        if warnings:
            entries.append({"resource": outcome(flavour, *warnings), "search": {"mode": "outcome"}})
        if entries or flavour != "oracle":
            bundle["entry"] = entries
        return bundle

    def _links(self, page: Page) -> list[dict[str, str]]:
        base = f"{self.site.fhir_base}/{page.kind}"
        links = [{"relation": "self", "url": f"{base}?{urlencode(page.self_params)}"}]
        if page.offset + page.size < len(page.hits):
            token = secrets.token_urlsafe(18).replace("~", "-")
            self._open[token] = replace(page, offset=page.offset + page.size)
            while len(self._open) > MAX_OPEN_SEARCHES:
                self._open.popitem(last=False)
            query: Params = [(self.site.profile.page_parameter, token)]
            if self.site.profile.flavour == "oracle":
                query = [*page.self_params, *query, ("-pageDirection", "NEXT")]
            links.insert(0, {"relation": "next", "url": f"{base}?{urlencode(query)}"})
        return links

    def _included(self, page: Page, shown: list[Resource]) -> list[Resource]:
        asked = page.includes
        if self.site.profile.flavour == "oracle" or not asked & {"MedicationRequest:medication", "*"}:
            return []
        found: dict[str, Resource] = {}
        for resource in shown:
            reference = resource.get("medicationReference", {}).get("reference", "")
            medication = self.site.records.get("Medication", reference_id(reference, "Medication") or "")
            if medication:
                found[medication["id"]] = medication
        return list(found.values())

    def _entry(self, resource: Resource, mode: str) -> dict[str, Any]:
        url = f"{self.site.fhir_base}/{resource['resourceType']}/{resource['id']}"
        return {"fullUrl": url, "resource": resource, "search": {"mode": mode}}


def _patient_named(kind: str, params: Params) -> set[str]:
    names = {"patient", "subject"} | ({"_id"} if kind == "Patient" else set())
    return {
        reference_id(part, "Patient") or part
        for name, value in params
        if name in names
        for part in value.split(",")
        if part
    }


def _count(text: str | None) -> int | None:
    if text is None:
        return None
    if not text.isdecimal() or int(text) < 1:
        raise FhirRefusedError(
            400, Issue("invalid", "_count must be a positive whole number", vendor="59100")
        )
    return int(text)


def _in_categories(resource: Resource, categories: frozenset[str]) -> bool:
    return bool(categories) and any(
        coding.get("code") in categories
        for category in resource.get("category", [])
        for coding in category.get("coding", [])
    )


def _when(resource: Resource) -> str:
    for name in ("effectiveDateTime", "authoredOn", "date", "recordedDate", "start"):
        if isinstance(resource.get(name), str):
            return resource[name]
    return resource.get("period", {}).get("start", "")
