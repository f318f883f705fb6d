"""What a problem is by its words, for problems without a code that we can look up.

Only what raises a question for the clinician is read from words; exclusions, which take rules away, need a code.
"""

from __future__ import annotations

import re

_DISORDER = r"(?:[ -]type)? (?:use disorder|dependence|dependency|addiction|abuse|misuse)"
_DENIED = re.compile(
    r"\b(?:no|not|non|without|den(?:y|ies|ied)|negative|absent|family|fh|fhx|mother|father|parent|partner|newborn|neonatal"
    r"|f[oe]+tal|rule[sd]? ?out|r/o|possible|probable|suspected|concern|screen\w*|test\w*|counsell?\w*|prevent\w*"
    r"|education|exposure|risk (?:of|for) (?!suicid))\b",
    re.IGNORECASE,
)
_PAST = re.compile(
    r"\b(?:history|hx|h/o|past|prior|previous|former|remission|resolved|recovered)\b", re.IGNORECASE
)
_SUBSTANCES = {
    "opioid_use_disorder": rf"\b(?:opioids?|opiates?|heroin|fentanyl|oxycodone){_DISORDER}|\bOUD\b",
    "alcohol_use_disorder": rf"\balcohol{_DISORDER}|\balcoholism\b|\bAUD\b",
    "other_substance_use_disorder": r"\b(?:cocaine|stimulants?|(?:meth)?amphetamines?|cannabis|marijuana|sedatives?"
    rf"|benzodiazepines?|(?:poly)?substance|(?:poly)?drug){_DISORDER}",
}
_OTHERS = {
    "ltot_designation:explicit": r"\b(?:long[- ]term|chronic)\b.{0,20}\buse of opi(?:oid|ate)"
    r"|\b(?:long[- ]term|chronic) (?:opioid|opiate)(?: analgesic)? (?:therapy|treatment|use)\b(?! disorder)",
    "opioid_overdose": r"\b(?:opioids?|opiates?|heroin|fentanyl|methadone|oxycodone|morphine)\b.{0,40}"
    r"\b(?:overdose|poisoning)\b|\boverdose (?:of|on|by|from) (?:opioids?|opiates?|heroin|fentanyl|methadone)\b",
    "sleep_apnea": r"\bsleep apn(?:o)?ea\b|\bOSA\b",
    "pregnancy": r"\bpregnan(?:t|cy)\b|\bintrauterine pregnancy\b",
    "suicide_risk": r"\bsuicid(?:e|al)\b",
    "respiratory_disease": r"\bCOPD\b|\bchronic obstructive pulmonary\b|\bemphysema\b",
    "renal_impairment": r"\bchronic kidney disease\b|\bCKD\b|\b(?:renal|kidney) failure\b",
    "hepatic_impairment": r"\bcirrhosis\b|\b(?:liver|hepatic) failure\b",
    "ptsd": r"\bPTSD\b|\bpost[- ]?traumatic stress\b",
}
_BY_WORDS = {group: re.compile(words, re.IGNORECASE) for group, words in (_SUBSTANCES | _OTHERS).items()}


def groups_named(words: str) -> frozenset[str]:
    """The groups that words name.  A substance use disorder of the past is one in remission; nothing else of the past
    is read, nor what is denied, suspected, or of a relative."""
    if _DENIED.search(words):
        return frozenset()
    named = {group for group, pattern in _BY_WORDS.items() if pattern.search(words)}
    if _PAST.search(words):
        named &= _SUBSTANCES.keys()
        named |= {f"{group}:remission" for group in named}
    return frozenset(named)
