"""The tracked data elements: seventeen of the Six Building Blocks population study and those of its registry.

Each has a value with date and source, or says why it is not known.  Source: Stephens 2021 (JABFM 34:89) and
Parchman 2017 (JABFM 30:44), element lists.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType

from app.clinical.evaluation import Element
from app.clinical.exclusions import active_problems
from app.clinical.gaps.absence import unproven
from app.clinical.gaps.agreement import agreements
from app.clinical.gaps.case import Case
from app.clinical.gaps.dose import mme_words
from app.clinical.gaps.function import held_visits
from app.clinical.gaps.pdmp import checks
from app.clinical.gaps.sources import BOOKINGS, CHECKS, DOCUMENTS, FORMS, ORDERS, PROBLEMS, RESULTS, VISITS
from app.clinical.gaps.timed import Done, newest
from app.clinical.gaps.urine import received
from app.clinical.gaps.visits import BOOKED
from app.clinical.months import add_months
from app.clinical.scores import GAD7, ORT, ORT_OUD, PCL5, PCPTSD5, PHQ2, PHQ9, Tool
from app.clinical.supply import BY_START
from app.clinical.udt import summary
from app.clinical.words import amount, day, joined

NAMES = (
    "prescriber", "last_visit", "next_visit", "ltot_diagnosis", "mme", "opioid_and_sedative", "agreement", "peg",
    "ort", "phq", "pdmp_date", "pdmp_result", "udt_date", "udt_result", "sleep_apnea", "ptsd", "gad7",
    "responsible_provider", "agreement_renewal", "peg_trend", "risk_tier",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Maker:
    """Makes elements of a case."""

    case: Case

    def known(self, name: str, value: str, when: date | None, ref: str | None) -> Element:
        return Element(name, value, when, ref)

    def unknown(self, name: str, what: str, kinds: Sequence[str], also: Sequence[str] = ()) -> Element:
        """Why there is no value: not read, or read completely and not there."""
        doubt = unproven(self.case.facts, kinds, also)
        return Element(name, None, unknown_because=doubt.text if doubt else f"no {what} in what was read")

    def newest(
        self, name: str, done: Sequence[Done], what: str, kinds: Sequence[str], also: Sequence[str] = ()
    ) -> Element:
        last = newest(done, self.case.as_of)
        if last is None or last.when is None:
            return self.unknown(name, what, kinds, also)
        return self.known(name, last.text or day(last.when), last.when, last.ref)

    def score(self, name: str, *tools: Tool) -> Element:
        found = max((score for tool in tools if (score := self.case.score(tool))), default=None)
        if found is None:
            return self.unknown(name, f"{joined((t.name for t in tools), 'or')} score", RESULTS, FORMS)
        return self.known(name, found.words, found.when, found.refs[0])


def elements(case: Case) -> Mapping[str, Element]:
    """Every tracked element by name, in the order of `NAMES`."""
    make = _Maker(case)
    made = [
        *_people(make), *_visits(make), *_therapy(make), *_papers(make), *_peg(make),
        make.score("ort", ORT, ORT_OUD), make.score("phq", PHQ9, PHQ2), make.score("ptsd", PCPTSD5, PCL5),
        make.score("gad7", GAD7), *_pdmp(make), *_urine(make), _sleep(make),
        Element("risk_tier", case.risk.tier if case.risk.tier != "unknown" else None,
                unknown_because="" if case.risk.tier != "unknown" else joined(case.risk.reasons)),
    ]  # fmt: skip
    by_name = {element.name: element for element in made}
    return MappingProxyType({name: by_name[name] for name in NAMES})


def _people(make: _Maker) -> list[Element]:
    case = make.case
    year = add_months(case.as_of, -12).toordinal()
    named = [s for s in case.stock.opioids.covering if s.start > year and s.prescriber]
    if named:
        last = max(named, key=BY_START)
        others = sorted({s.prescriber for s in named} - {last.prescriber})
        value = last.prescriber + (f" (12 months also: {joined(others)})" if others else "")
        prescriber = make.known("prescriber", value, date.fromordinal(last.start), last.ref)
    else:
        prescriber = make.unknown("prescriber", "prescriber of an opioid", ORDERS)
    provider = case.facts.person.general_practitioner
    if provider:
        return [
            prescriber,
            make.known("responsible_provider", provider, None, f"Patient/{case.facts.person.id}"),
        ]
    return [prescriber, make.unknown("responsible_provider", "responsible provider", ("Patient",))]


def _visits(make: _Maker) -> list[Element]:
    case = make.case
    ahead = [
        (visit.when, visit.ref, visit.clinician or visit.display)
        for visit in case.facts.visits
        if visit.kind == "appointment" and visit.when and visit.when >= case.as_of and visit.status in BOOKED
    ]
    last = make.newest("last_visit", held_visits(case.facts, case.as_of), "visit", VISITS)
    if not ahead:
        return [last, make.unknown("next_visit", "booked visit", BOOKINGS)]
    when, ref, text = min(ahead)
    return [last, make.known("next_visit", text or day(when), when, ref)]


def _therapy(make: _Maker) -> list[Element]:
    case = make.case
    coded = active_problems(case.facts, case.as_of, {"ltot_designation:explicit"})
    diagnosis = (
        make.known("ltot_diagnosis", coded[0].display, coded[0].onset or coded[0].recorded, coded[0].ref)
        if coded
        else make.unknown("ltot_diagnosis", "code for long-term opioid therapy", PROBLEMS)
    )
    mme = (
        make.known("mme", mme_words(case.mme), case.as_of, None)
        if case.mme.current is not None
        else Element("mme", None, unknown_because=mme_words(case.mme))
    )
    sedatives = [one for one in case.overlaps if one.sedative]
    if sedatives:
        text = "; ".join(one.text for one in sedatives)
        return [
            diagnosis,
            mme,
            make.known("opioid_and_sedative", text, sedatives[0].last, sedatives[0].refs[0]),
        ]
    doubt = unproven(case.facts, ORDERS)
    none = Element("opioid_and_sedative", None, unknown_because=doubt.text if doubt else "")
    if doubt is None:
        window = case.policy.number("G14", "lookback_days")
        none = make.known("opioid_and_sedative", f"no overlap in {window} days", case.as_of, None)
    return [diagnosis, mme, none]


def _papers(make: _Maker) -> list[Element]:
    case = make.case
    agreement = make.newest("agreement", agreements(case), "opioid agreement", DOCUMENTS, ("Consent",))
    months = case.policy.intervals["agreement"].months(case.risk.tier)
    if agreement.when is None or months is None:
        why = agreement.unknown_because or "no interval set"
        return [agreement, Element("agreement_renewal", None, unknown_because=why)]
    due = add_months(agreement.when, months)
    return [agreement, make.known("agreement_renewal", day(due), due, agreement.ref)]


def _peg(make: _Maker) -> list[Element]:
    found = make.case.peg
    if not found:
        return [make.unknown(name, "PEG score", RESULTS, FORMS) for name in ("peg", "peg_trend")]
    newest = found[-1]
    last = make.known("peg", newest.words, newest.when, newest.refs[0])
    if len(found) < 2:
        return [last, Element("peg_trend", None, unknown_because="fewer than two scores read")]
    series = ", ".join(f"{amount(one.mean)} ({day(one.when)})" for one in found)
    return [last, make.known("peg_trend", series, newest.when, newest.refs[0])]


def _pdmp(make: _Maker) -> list[Element]:
    done = checks(make.case)
    last = newest(done, make.case.as_of)
    when = make.newest("pdmp_date", done, "PDMP check", CHECKS, ("PDMP",))
    if when.when is not None:
        when = make.known("pdmp_date", day(when.when), when.when, when.ref)
    if last is None or not last.text:
        why = "result not recorded" if last else when.unknown_because
        return [when, Element("pdmp_result", None, unknown_because=why)]
    return [when, make.known("pdmp_result", last.text, last.when, last.ref)]


def _urine(make: _Maker) -> list[Element]:
    case = make.case
    when = make.newest("udt_date", received(case), "urine drug test", RESULTS, ("DiagnosticReport",))
    judged = case.urine
    if not judged:
        why = "no analyte that can be judged" if when.when else when.unknown_because
        return [when, Element("udt_result", None, unknown_because=why)]
    return [when, make.known("udt_result", summary(judged), judged[-1].when, judged[-1].ref)]


def _sleep(make: _Maker) -> Element:
    """STOP-Bang has no code in the value sets; the diagnosis stands in."""
    found = active_problems(make.case.facts, make.case.as_of, {"sleep_apnea"})
    if found:
        return make.known("sleep_apnea", found[0].display, found[0].onset or found[0].recorded, found[0].ref)
    doubt = unproven(make.case.facts, PROBLEMS)
    because = doubt.text if doubt else "no diagnosis; a STOP-Bang score cannot be read from coded results"
    return Element("sleep_apnea", None, unknown_because=because)
