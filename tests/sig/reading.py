"""How a reading is written in sigs.csv: "1-2 unit @4-6 prn max 8 unit 7d"; `--` for what the text does not say."""

from fractions import Fraction

from fhir_mappings.sig_text import SigReading, SigStep

JOINS = {"parallel": " AND ", "sequence": " THEN ", "single": ""}


def _range(low: Fraction | None, high: Fraction | None) -> str:
    if high is None:
        return "--"
    return str(high) if low == high else f"{low}-{high}"


def _step(step: SigStep) -> str:
    words = [_range(step.dose_low, step.dose_high)]
    if step.dose_high is not None:
        words.append(step.dose_unit or "unit")
    words.append("@" + _range(step.per_day_low, step.per_day_high))
    if step.peak_times is not None:
        words.append(f"^{step.peak_times}")
    if step.prn:
        words.append("prn")
    if step.max_per_day is not None:
        words.append(f"max {step.max_per_day} {step.max_unit or 'unit'}")
    if step.duration_days is not None:
        words.append(f"{step.duration_days}d")
    return " ".join(words)


def written(reading: SigReading) -> str:
    if reading.status == "refused":
        return "refused"
    text = JOINS[reading.relation].join(_step(step) for step in reading.steps)
    if reading.start:
        text += f" from {reading.start}"
    if reading.end:
        text += f" to {reading.end}"
    return text
