"""The tables of a run: their columns, and the rows one evaluation adds (docs/tables.md)."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from fractions import Fraction

import msgspec
import pyarrow as pa

from app.clinical.as_json import as_json
from app.clinical.evaluation import Contribution, Evaluation, Gap, Status, Uncounted
from fhir_mappings.facts import Person

_NUMBER = pa.decimal128(18, 6)
_OPEN = (Status.OVERDUE, Status.DUE_SOON, Status.UNKNOWN)
_WORDS = pa.list_(pa.string())

EVALUATIONS = pa.schema(
    {
        "patient": pa.string(),
        "name": pa.string(),
        "born": pa.date32(),
        "mrn": pa.string(),
        "as_of": pa.date32(),
        "opioid": pa.string(),
        "ltot": pa.string(),
        "ltot_definition": pa.string(),
        "ltot_state": pa.string(),
        "ltot_since": pa.date32(),
        "covered_days_90": pa.int32(),
        "definitions": pa.map_(pa.string(), pa.bool_()),
        "mme": _NUMBER,
        "mme_complete": pa.bool_(),
        "mme_sig_max": _NUMBER,
        "mme_avg_90": _NUMBER,
        "mme_avg_on_therapy": _NUMBER,
        "mme_peak_90": _NUMBER,
        "mme_own": _NUMBER,
        "mme_outside": _NUMBER,
        "mme_flags": _WORDS,
        "uncounted": pa.int32(),
        "exclusions": _WORDS,
        "risk_tier": pa.string(),
        "prescriber": pa.string(),
        "gaps_overdue": pa.int32(),
        "gaps_due_soon": pa.int32(),
        "gaps_unknown": pa.int32(),
        "open_gaps": _WORDS,
        "incomplete_sources": _WORDS,
        "issues": pa.int32(),
        "policy": pa.string(),
        "factors": pa.string(),
        "valuesets": pa.string(),
        "code": pa.string(),
        "evaluation": pa.string(),
    }
)
GAPS = pa.schema(
    {
        "patient": pa.string(),
        "gap": pa.string(),
        "name": pa.string(),
        "status": pa.string(),
        "colour": pa.string(),
        "due": pa.date32(),
        "last": pa.date32(),
        "text": pa.string(),
        "rule": pa.string(),
        "source": pa.string(),
        "safety": pa.bool_(),
        "refs": _WORDS,
    }
)
CONTRIBUTIONS = pa.schema(
    {
        "patient": pa.string(),
        "ref": pa.string(),
        "counted": pa.bool_(),
        "ingredient": pa.string(),
        "drug_name": pa.string(),
        "mg_per_day": _NUMBER,
        "unit": pa.string(),
        "factor": _NUMBER,
        "factor_source": pa.string(),
        "mme": _NUMBER,
        "sig_max": _NUMBER,
        "method": pa.string(),
        "arithmetic": pa.string(),
        "reason": pa.string(),
        "start": pa.date32(),
        "end": pa.date32(),
        "prescriber": pa.string(),
        "prn": pa.bool_(),
        "outside": pa.bool_(),
    }
)
SCHEMAS = {"evaluations": EVALUATIONS, "gaps": GAPS, "contributions": CONTRIBUTIONS}
Cells = dict[str, object]


class Tables:
    """Rows of the three tables, in the order they were added."""

    def __init__(self) -> None:
        self.rows: dict[str, list[Cells]] = {name: [] for name in SCHEMAS}

    def add(self, evaluation: Evaluation, person: Person, opioid: str) -> None:
        """Everything one evaluation says.  opioid: "yes", or "cannot_tell" where a drug could not be read."""
        self.rows["evaluations"].append(_evaluation(evaluation, person, opioid))
        self.rows["gaps"] += [_gap(evaluation.patient, gap) for gap in evaluation.gaps]
        self.rows["contributions"] += [
            _counted(evaluation.patient, one) for one in evaluation.mme.contributions
        ]
        self.rows["contributions"] += [
            _uncounted(evaluation.patient, one) for one in evaluation.mme.uncounted
        ]

    def batches(self) -> dict[str, pa.RecordBatch]:
        return {
            name: pa.RecordBatch.from_pylist(rows, schema=SCHEMAS[name]) for name, rows in self.rows.items()
        }


def number(value: Fraction | None) -> Decimal | None:
    """An exact number with six decimals, rounded half up."""
    if value is None:
        return None
    millionths = (abs(value) * 2_000_000 + 1) // 2
    return Decimal(-millionths if value < 0 else millionths).scaleb(-6)


def json_of(evaluation: Evaluation) -> str:
    """The public JSON of one evaluation, as `ltot evaluate` prints it."""
    return msgspec.json.encode(as_json(evaluation)).decode()


def _evaluation(one: Evaluation, person: Person, opioid: str) -> Cells:
    found, mme = Counter(gap.status for gap in one.gaps), one.mme
    return {
        "patient": one.patient,
        "name": person.display or None,
        "born": person.birth_date,
        "mrn": person.mrn or None,
        "as_of": one.as_of,
        "opioid": opioid,
        "ltot": one.ltot.status.value,
        "ltot_definition": one.ltot.definition,
        "ltot_state": str(one.ltot.state),
        "ltot_since": one.ltot.since,
        "covered_days_90": one.ltot.covered_days_90,
        "definitions": sorted(one.ltot.definitions.items()),
        "mme": number(mme.current),
        "mme_complete": mme.complete,
        "mme_sig_max": number(mme.sig_max),
        "mme_avg_90": number(mme.avg_90 if mme.window_complete else None),
        "mme_avg_on_therapy": number(mme.avg_on_therapy if mme.window_complete else None),
        "mme_peak_90": number(mme.peak_90 if mme.window_complete else None),
        "mme_own": number(mme.own),
        "mme_outside": number(mme.outside),
        "mme_flags": list(mme.flags),
        "uncounted": len(mme.uncounted),
        "exclusions": sorted({exclusion.kind for exclusion in one.exclusions}),
        "risk_tier": one.risk.tier,
        "prescriber": _prescriber(one),
        "gaps_overdue": found[Status.OVERDUE],
        "gaps_due_soon": found[Status.DUE_SOON],
        "gaps_unknown": found[Status.UNKNOWN],
        "open_gaps": [gap.id for gap in one.gaps if gap.status in _OPEN],
        "incomplete_sources": [source.kind for source in one.sources if not source.complete],
        "issues": len(one.issues),
        "policy": one.versions["policy"],
        "factors": one.versions["factors"],
        "valuesets": one.versions["valuesets"],
        "code": one.versions["code"],
        "evaluation": json_of(one),
    }


def _prescriber(one: Evaluation) -> str | None:
    """The last prescriber alone; the element names the others of the year behind."""
    element = one.elements.get("prescriber")
    value = element.value if element is not None else None
    return value.partition(" (12 months also")[0] if value else None


def _gap(patient: str, gap: Gap) -> Cells:
    return {
        "patient": patient,
        "gap": gap.id,
        "name": gap.name,
        "status": gap.status.value,
        "colour": gap.colour.value,
        "due": gap.due,
        "last": gap.last,
        "text": gap.text,
        "rule": gap.rule,
        "source": gap.source,
        "safety": gap.safety,
        "refs": list(gap.refs),
    }


def _counted(patient: str, one: Contribution) -> Cells:
    return {
        "patient": patient,
        "ref": one.ref,
        "counted": True,
        "ingredient": one.ingredient,
        "drug_name": one.drug_name,
        "mg_per_day": number(one.mg_per_day),
        "unit": one.unit,
        "factor": number(one.factor),
        "factor_source": one.factor_source,
        "mme": number(one.mme),
        "sig_max": number(one.sig_max),
        "method": one.method,
        "arithmetic": one.arithmetic,
        "start": one.start,
        "end": one.end,
        "prescriber": one.prescriber or None,
        "prn": one.prn,
        "outside": one.outside,
    }


def _uncounted(patient: str, one: Uncounted) -> Cells:
    return {
        "patient": patient,
        "ref": one.ref,
        "counted": False,
        "ingredient": one.ingredient,
        "drug_name": one.drug_name,
        "reason": one.reason,
    }
