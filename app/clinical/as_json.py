"""One evaluation as JSON-ready values, in the public shape (docs/contracts.md).  Numbers are not rounded."""

from __future__ import annotations

from datetime import date
from fractions import Fraction
from typing import Any

from app.clinical.evaluation import (
    Contribution,
    Element,
    Evaluation,
    Evidence,
    Exclusion,
    Gap,
    Ltot,
    Mme,
    Uncounted,
)
from fhir_mappings.facts import Issue, Source

Json = dict[str, Any]


def as_json(evaluation: Evaluation) -> Json:
    """Plain dicts, lists, strings, numbers, booleans and None; keys in the order of the contract."""
    return {
        "patient": evaluation.patient,
        "as_of": evaluation.as_of.isoformat(),
        "versions": dict(evaluation.versions),
        "ltot": _ltot(evaluation.ltot),
        "mme": _mme(evaluation.mme),
        "exclusions": [_exclusion(one) for one in evaluation.exclusions],
        "risk": {"tier": evaluation.risk.tier, "reasons": list(evaluation.risk.reasons)},
        "gaps": [_gap(one) for one in evaluation.gaps],
        "elements": {name: _element(one) for name, one in evaluation.elements.items()},
        "overlaps": [_evidence(one) for one in evaluation.overlaps],
        "sources": [_source(one) for one in evaluation.sources],
        "issues": [_issue(one) for one in evaluation.issues],
    }


def _number(value: Fraction | None) -> int | float | None:
    if value is None:
        return None
    return value.numerator if value.denominator == 1 else float(value)


def _day(value: date | None) -> str | None:
    return value.isoformat() if value is not None else None


def _ltot(ltot: Ltot) -> Json:
    return {
        "status": ltot.status.value,
        "definition": ltot.definition,
        "state": str(ltot.state),
        "since": _day(ltot.since),
        "covered_days_90": ltot.covered_days_90,
        "uncovered_days": ltot.uncovered_days,
        "new": ltot.new,
        "definitions": dict(ltot.definitions),
        "evidence": [_evidence(one) for one in ltot.evidence],
    }


def _mme(mme: Mme) -> Json:
    return {
        "current": _number(mme.current),
        "complete": mme.complete,
        "sig_max": _number(mme.sig_max),
        "avg_90": _number(mme.avg_90),
        "avg_on_therapy": _number(mme.avg_on_therapy),
        "avg_supply": _number(mme.avg_supply),
        "peak_90": _number(mme.peak_90),
        "window_complete": mme.window_complete,
        "own": _number(mme.own),
        "outside": _number(mme.outside),
        "contributions": [_contribution(one) for one in mme.contributions],
        "uncounted": [_uncounted(one) for one in mme.uncounted],
        "flags": list(mme.flags),
        "timeline": [[when.isoformat(), _number(value)] for when, value in mme.timeline],
    }


def _contribution(one: Contribution) -> Json:
    return {
        "ref": one.ref,
        "ingredient": one.ingredient,
        "drug_name": one.drug_name,
        "mg_per_day": _number(one.mg_per_day),
        "unit": one.unit,
        "factor": _number(one.factor),
        "factor_source": one.factor_source,
        "mme": _number(one.mme),
        "sig_max": _number(one.sig_max),
        "method": one.method,
        "arithmetic": one.arithmetic,
        "start": _day(one.start),
        "end": _day(one.end),
        "prescriber": one.prescriber,
        "prn": one.prn,
        "outside": one.outside,
        "peak": _number(one.peak),
        "note": one.note,
    }


def _uncounted(one: Uncounted) -> Json:
    return {
        "ref": one.ref,
        "ingredient": one.ingredient,
        "drug_name": one.drug_name,
        "reason": one.reason,
        "text": one.text,
        "active": one.active,
    }


def _exclusion(one: Exclusion) -> Json:
    return {"kind": one.kind, "text": one.text, "refs": list(one.refs), "since": _day(one.since)}


def _gap(one: Gap) -> Json:
    return {
        "id": one.id,
        "name": one.name,
        "status": one.status.value,
        "colour": one.colour.value,
        "due": _day(one.due),
        "last": _day(one.last),
        "text": one.text,
        "rule": one.rule,
        "source": one.source,
        "safety": one.safety,
        "refs": list(one.refs),
        "evidence": [_evidence(item) for item in one.evidence],
    }


def _element(one: Element) -> Json:
    return {
        "value": one.value,
        "when": _day(one.when),
        "ref": one.ref,
        "unknown_because": one.unknown_because or None,
    }


def _evidence(one: Evidence) -> Json:
    return {"kind": one.kind, "text": one.text, "refs": list(one.refs), "when": _day(one.when)}


def _source(one: Source) -> Json:
    return {
        "kind": one.kind,
        "read": one.read,
        "complete": one.complete,
        "connected": one.connected,
        "problem": one.problem,
    }


def _issue(one: Issue) -> Json:
    return {"ref": one.ref, "code": one.code.value, "text": one.text}
