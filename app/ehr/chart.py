"""Pulls one patient's chart: all searches side by side, each with its own verdict on completeness."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from types import MappingProxyType

from app.ehr.bundles import newest
from app.ehr.client import FhirClient
from app.ehr.fetched import Fetched, Problem, ProblemCode
from app.ehr.granted import Granted, Reach
from app.ehr.references import Medications
from app.ehr.vendors import FROM, PATIENT, UNTIL, Plan, Search, VendorProfile
from app.errors import LtotError
from fhir_mappings.facts import Source

VISITS_BACK = timedelta(days=793)
VISITS_AHEAD = timedelta(days=550)
"""Booked visits, where the EHR insists on a window: 26 months back and a year and a half ahead."""

_TRY_NEXT_PLAN = frozenset({400, 403, 422})
_HIDDEN = frozenset({"patient", "subject", "_id"})
_DRUG_KINDS = frozenset({"MedicationRequest", "MedicationDispense"})


@dataclass(frozen=True, slots=True)
class ChartPull:
    """What the EHR gave for one patient.

    raw: JSON text of every resource, each once.  sources: by resource type, how completely it was read.
    searches: every search made, for a completeness report.  warnings: what the EHR said it left out.
    """

    raw: tuple[bytes, ...]
    sources: Mapping[str, Source]
    searches: tuple[Fetched, ...]
    warnings: tuple[str, ...]


async def pull_chart(
    client: FhirClient,
    patient_id: str,
    *,
    profile: VendorProfile,
    granted_scopes: Iterable[str] | None,
    deadline: float,
    today: date | None = None,
    observation_codes: Sequence[str] = (),
    on_source: Callable[[Source], None] | None = None,
    medications: Medications | None = None,
) -> ChartPull:
    """Everything the panel reads of one chart, by `deadline` (on the client's clock).

    granted_scopes: as the token answer named them; None when they are not known.  today: the clinic's date,
    for the window of booked visits.  observation_codes: codes this site files results under, searched besides
    the categories.  on_source: called once per resource type when it is done.  medications: drugs shared with
    other charts, so that each is read once.
    Raises LtotError when there is no patient to show anything of: LT-203 the sign-in is over, LT-202 the
    record is refused, LT-201 it did not come, with the reason.
    """
    granted = Granted(granted_scopes)
    day = today or client.now().date()
    readable = granted.read("Medication") is not Reach.NONE
    drugs = medications or Medications(client, readable=readable)
    pull = _Pull(client, patient_id, granted, deadline, day, on_source, drugs)
    plans = dict(profile.plans)
    if observation_codes:
        plans["Observation"] = _with_codes(plans["Observation"], observation_codes)
    tasks = [asyncio.ensure_future(pull.patient())]
    tasks += [asyncio.ensure_future(pull.source(kind, choices)) for kind, choices in plans.items()]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
    return pull.result()


def _with_codes(choices: tuple[Plan, ...], codes: Sequence[str]) -> tuple[Plan, ...]:
    by_code = Search("Observation", (("patient", PATIENT), ("code", ",".join(codes))), "code")
    return tuple((*plan, by_code) if plan[0].category else plan for plan in choices)


class _Pull:
    def __init__(
        self,
        client: FhirClient,
        patient_id: str,
        granted: Granted,
        deadline: float,
        day: date,
        on_source: Callable[[Source], None] | None,
        medications: Medications,
    ) -> None:
        self._client, self._patient_id, self._granted = client, patient_id, granted
        self._deadline, self._day, self._on_source = deadline, day, on_source
        self._medications, self._drugs = medications, list[bytes]()
        self._sources: dict[str, Source] = {}
        self._fetched: dict[str, tuple[Fetched, ...]] = {}

    async def patient(self) -> None:
        fetched = await self._client.read("Patient", self._patient_id, self._deadline)
        problem = fetched.problem
        if problem is not None:
            raise _without_patient(problem)
        self._done("Patient", (fetched,), unresolved=0)

    async def source(self, kind: str, choices: tuple[Plan, ...]) -> None:
        parts = await self._first_accepted(choices)
        unresolved = 0
        if kind in _DRUG_KINDS:
            for raw in (raw for part in parts for raw in part.included):
                self._medications.include(raw)
            orders = (raw for part in parts for raw in part.items)
            drugs = await self._medications.resolve(orders, self._deadline)
            self._drugs += drugs.raw
            unresolved = drugs.unresolved
        self._done(kind, parts, unresolved)

    async def _first_accepted(self, choices: tuple[Plan, ...]) -> tuple[Fetched, ...]:
        parts: tuple[Fetched, ...] = ()
        for number, plan in enumerate(choices):
            parts = tuple(await asyncio.gather(*(self._search(search) for search in plan)))
            refused = any(_is_refused(part) for part in parts)
            if not refused or number == len(choices) - 1:
                break
        return parts

    async def _search(self, search: Search) -> Fetched:
        reach = self._granted.search(search.kind, search.category)
        if reach is Reach.NONE:
            return self._not_asked(search)
        params = [(name, self._filled(value)) for name, value in search.params]
        fetched = await self._client.search(search.kind, params, self._deadline, hide=_HIDDEN)
        if reach is Reach.PART and fetched.complete:
            problem = Problem.of(ProblemCode.PARTLY_WITHHELD, "granted for some categories only")
            return _incomplete(fetched, problem)
        return fetched

    def _not_asked(self, search: Search) -> Fetched:
        problem = Problem.of(ProblemCode.NOT_GRANTED)
        query = f"{search.kind}?category={search.category}" if search.category else search.kind
        return Fetched(search.kind, (), False, False, problem, (), query, 0, self._client.now())

    def _filled(self, value: str) -> str:
        window = {FROM: self._day - VISITS_BACK, UNTIL: self._day + VISITS_AHEAD}
        for placeholder, when in window.items():
            value = value.replace(placeholder, when.isoformat())
        return value.replace(PATIENT, self._patient_id)

    def _done(self, kind: str, parts: tuple[Fetched, ...], unresolved: int) -> None:
        source = source_of(kind, parts, unresolved)
        self._sources[kind], self._fetched[kind] = source, parts
        if self._on_source:
            self._on_source(source)

    def result(self) -> ChartPull:
        searches = tuple(part for kind in self._sources for part in self._fetched[kind])
        raw = newest((*(item for part in searches for item in part.items), *self._drugs))
        warnings = dict.fromkeys(warning for part in searches for warning in part.warnings)
        return ChartPull(
            raw, MappingProxyType(dict(sorted(self._sources.items()))), searches, tuple(warnings)
        )


_CODE_WITHOUT_PATIENT = {
    ProblemCode.NOT_SIGNED_IN: "LT-203",
    ProblemCode.NOT_GRANTED: "LT-202",
    ProblemCode.NOT_OFFERED: "LT-202",
    ProblemCode.REFUSED: "LT-202",
}


def _without_patient(problem: Problem) -> LtotError:
    """The reason is told where it is the EHR's state; a refusal has its own sentence."""
    code = _CODE_WITHOUT_PATIENT.get(problem.code)
    if code is not None:
        return LtotError(code)
    return LtotError("LT-201", f"{problem.sentence[:1].upper()}{problem.sentence[1:]}.")


def source_of(kind: str, parts: Sequence[Fetched], unresolved: int = 0) -> Source:
    """The verdict on one resource type from its searches; `unresolved`: orders whose drug could not be read.

    Complete only when every part is.  A part this EHR does not have holds nothing and takes nothing away.
    """
    offered = [part for part in parts if not _is_missing(part)] or list(parts)
    connected = any(part.connected for part in offered)
    problems = _said(offered)
    if unresolved:
        drugs = "one drug" if unresolved == 1 else f"{unresolved} drugs"
        problems.append(f"{drugs} named by reference could not be read")
    return Source(
        kind,
        read=len(newest(item for part in parts for item in part.items)),
        complete=not problems,
        connected=connected,
        problem="; ".join(problems),
    )


def _is_refused(part: Fetched) -> bool:
    """Whether the search itself was refused; after its first page only the rest is missing."""
    return part.pages == 0 and part.problem is not None and part.problem.status in _TRY_NEXT_PLAN


def _is_missing(part: Fetched) -> bool:
    """Whether the EHR says that it knows no such category.  An address that is not there says nothing of the kind."""
    problem = part.problem
    unknown = problem is not None and problem.code is ProblemCode.NOT_OFFERED and problem.status == 400
    return unknown and part.pages == 0 and "=" in part.query


def _said(parts: Sequence[Fetched]) -> list[str]:
    """Each problem once, with the categories it struck unless it struck all."""
    struck: dict[str, list[str]] = {}
    for part in parts:
        if part.problem:
            struck.setdefault(part.problem.sentence, []).append(part.query.partition("category=")[2])
    return [
        sentence if len(categories) == len(parts) else f"{', '.join(filter(None, categories))}: {sentence}"
        for sentence, categories in struck.items()
    ]


def _incomplete(fetched: Fetched, problem: Problem) -> Fetched:
    return Fetched(
        fetched.kind, fetched.items, False, fetched.connected, problem, fetched.warnings,
        fetched.query, fetched.pages, fetched.at, fetched.included,
    )  # fmt: skip
