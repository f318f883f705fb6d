"""What an order says it is for, as far as opioid use disorder and pain are concerned."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache

from fhir_mappings import resources as r
from fhir_mappings.references import id_of

_FOR_OUD = re.compile(
    r"(?i:opioid use disorder|opioid dependence|opioid addiction|opiate dependence|\boud\b|\bmoud\b)|\bMAT\b"
)
# "For chronic pain, not for opioid use disorder": what pharmacies ask to have written on methadone.
_NEGATED = re.compile(rf"(?i:\b(?:not|no|non|without)\b[\s-]+(?:[a-z]+\s+){{0,3}}?)(?:{_FOR_OUD.pattern})")
_OUD_CODE = re.compile(r"F11\.?[12]\d{0,3}")
_FOR_PAIN = re.compile(r"\bpain\b", re.IGNORECASE)
_NOT_FOR_PAIN = re.compile(r"\b(?:not|no|non|without)\b[\s-]+(?:[a-z]+\s+){0,3}?pain\b", re.IGNORECASE)
_PAIN_CODE = re.compile(r"(?:G89|M54)\.?\d{0,3}|R52")


def purpose_of(
    order: r.MedicationRequest, text: str, conditions: Mapping[str, r.Condition]
) -> tuple[bool | None, bool]:
    """Whether it is for opioid use disorder, and whether for pain, by the order's reasons and directions.

    The first is None when they name neither, and False when they name pain alone.
    """
    reasons = list(order.reasonCode)
    for link in order.reasonReference:
        condition = conditions.get(id_of(link.reference))
        if condition is not None and condition.code is not None:
            reasons.append(condition.code)
        elif link.display:
            reasons.append(r.Concept(text=link.display))
    codes = [coding.code.strip() for reason in reasons for coding in reason.coding]
    disorder, pain = _by_words(" ".join([text, *_words(reasons)]))
    disorder = disorder or any(_OUD_CODE.fullmatch(code) for code in codes)
    pain = pain or any(_PAIN_CODE.fullmatch(code) for code in codes)
    return True if disorder else False if pain else None, pain


@lru_cache(maxsize=4096)
def _by_words(words: str) -> tuple[bool, bool]:
    """Whether words name opioid use disorder, and pain."""
    disorder = _FOR_OUD.search(_NEGATED.sub(" ", words))
    return disorder is not None, _FOR_PAIN.search(_NOT_FOR_PAIN.sub(" ", words)) is not None


def _words(reasons: Iterable[r.Concept]) -> Iterable[str]:
    for reason in reasons:
        yield reason.text
        yield from (coding.display for coding in reason.coding)
