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


def for_opioid_use_disorder(
    order: r.MedicationRequest, text: str, conditions: Mapping[str, r.Condition]
) -> bool | None:
    """True or False by the order's reasons and directions; None when they say nothing about it."""
    reasons = list(order.reasonCode)
    for link in order.reasonReference:
        condition = conditions.get(id_of(link.reference))
        if condition is not None and condition.code is not None:
            reasons.append(condition.code)
        elif link.display:
            reasons.append(r.Concept(text=link.display))
    if any(_OUD_CODE.fullmatch(coding.code.strip()) for reason in reasons for coding in reason.coding):
        return True
    return _by_words(" ".join([text, *_words(reasons)]))


@lru_cache(maxsize=4096)
def _by_words(words: str) -> bool | None:
    if _FOR_OUD.search(_NEGATED.sub(" ", words)):
        return True
    return False if _FOR_PAIN.search(words) else None


def _words(reasons: Iterable[r.Concept]) -> Iterable[str]:
    for reason in reasons:
        yield reason.text
        yield from (coding.display for coding in reason.coding)
