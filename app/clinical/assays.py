"""What the assays of a urine drug test can show, by the group of the value set or by the analyte's own name.

Sources: AFP 2019 review (assay limits); the metabolite table is from memory and wants a pharmacist's check.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache


@dataclass(frozen=True, slots=True)
class Assay:
    """What one kind of analyte can show.

    explains: ingredients or drug classes that make a positive expected (parent drugs and metabolites).
    detects: those a definitive test would find; screen_misses: those its immunoassay may not find.
    mixed: the value set groups substances of many kinds, so a positive tells nothing without being read.
    """

    explains: frozenset[str]
    detects: frozenset[str]
    screen_misses: frozenset[str] = frozenset()
    mixed: bool = False


def _assay(explains: str, detects: str = "", misses: str = "") -> Assay:
    return Assay(frozenset(explains.split()), frozenset(detects.split()), frozenset(misses.split()))


_OPIATES = (
    "codeine morphine hydrocodone hydromorphone dihydrocodeine benzhydrocodone oxycodone oxymorphone opium"
)
_SYNTHETIC = (
    "hydrocodone hydromorphone benzhydrocodone oxycodone oxymorphone methadone fentanyl buprenorphine tramadol "
    "tapentadol meperidine levorphanol pentazocine butorphanol"
)
_AMPHETAMINES = "amphetamine dextroamphetamine amphetamine;dextroamphetamine lisdexamfetamine methamphetamine"
_NEVER_PRESCRIBED = _assay("")

# Names of a whole class, whatever of it they list as well.
_CLASS_NAME = re.compile(r"opiates|benzodiaz|barbiturates|amphetamines", re.IGNORECASE)
# By the analyte's name, in this order: a name that holds another's stands before it.
_BY_NAME = tuple(
    (re.compile(pattern, re.IGNORECASE), assay)
    for pattern, assay in (
        (r"6-?mam|6-(?:mono)?acetylmorphine", _NEVER_PRESCRIBED),
        (r"dihydrocodeine|hydrocodol",
         _assay("dihydrocodeine hydrocodone benzhydrocodone codeine", "dihydrocodeine")),
        (r"codeine", _assay("codeine", "codeine")),
        (r"hydromorphone",
         _assay("hydromorphone hydrocodone benzhydrocodone morphine", "hydromorphone", "hydromorphone")),
        (r"hydrocodone",
         _assay("hydrocodone benzhydrocodone codeine", "hydrocodone benzhydrocodone", "hydrocodone")),
        (r"oxymorphone", _assay("oxymorphone oxycodone", "oxymorphone", "oxymorphone")),
        (r"oxycodone", _assay("oxycodone", "oxycodone", "oxycodone")),
        (r"morphine", _assay("morphine codeine opium", "morphine")),
        (r"tapentadol", _assay("tapentadol", "tapentadol", "tapentadol")),
        (r"levorphanol", _assay("levorphanol", "levorphanol", "levorphanol")),
        (r"alfentanil", _assay("alfentanil")),
        (r"sufentanil", _assay("sufentanil")),
        # Made for no pharmacy: another molecule than the fentanyl that is prescribed.
        (r"(?:acetyl|acryl|butyryl|valeryl|furanyl|methyl|thio|fluoro)[ -]?(?:nor)?fentanyl|carfentanil|ocfentanil",
         _NEVER_PRESCRIBED),
        (r"methylenedioxy|\bmdma\b|\bmda\b|\bmdea\b|ecstasy", _NEVER_PRESCRIBED),
        (r"(?:^|[^h])amphetamine.+methamphetamine|methamphetamine.+[^h]amphetamine",
         _assay(f"{_AMPHETAMINES} anorectic_controlled")),
        (r"methamphetamine", _assay("methamphetamine benzphetamine")),
        (r"methylphenidate|ritalinic|phenyl-2-piperidine", _assay("methylphenidate dexmethylphenidate")),
        (r"designer|delorazepam|phenazepam|flunitrazepam|flualprazolam|etizolam|bromazolam|clonazolam",
         _NEVER_PRESCRIBED),
        (r"alprazolam", _assay("alprazolam", "alprazolam", "alprazolam")),
        (r"clonazepam", _assay("clonazepam", "clonazepam", "clonazepam")),
        (r"lorazepam", _assay("lorazepam", "lorazepam", "lorazepam")),
        (r"oxazepam", _assay("oxazepam temazepam diazepam chlordiazepoxide clorazepate", "oxazepam")),
        (r"temazepam", _assay("temazepam diazepam", "temazepam")),
        (r"nordiazepam|nordazepam|desmethyldiazepam",
         _assay("diazepam chlordiazepoxide clorazepate halazepam prazepam", "diazepam clorazepate")),
        (r"diazepam", _assay("diazepam")),
        (r"midazolam", _assay("midazolam")),
        (r"triazolam", _assay("triazolam")),
        (r"flurazepam", _assay("flurazepam quazepam")),
        (r"chlordiazepoxide", _assay("chlordiazepoxide")),
        (r"clobazam", _assay("clobazam")),
    )
)  # fmt: skip
_BY_GROUP = {
    "heroin_6mam": _NEVER_PRESCRIBED,
    "opiates_general": _assay(_OPIATES, f"{_OPIATES} {_SYNTHETIC}", _SYNTHETIC),
    "opiate_specific": _assay("codeine morphine opium", "morphine codeine"),
    "codeine_morphine": _assay("codeine morphine opium", "morphine codeine"),
    "hydrocodone_hydromorphone": _assay(
        "hydrocodone benzhydrocodone hydromorphone codeine morphine",
        "hydrocodone benzhydrocodone hydromorphone",
        "hydrocodone hydromorphone",
    ),
    "oxycodone": _assay("oxycodone oxymorphone", "oxycodone", "oxycodone"),
    "methadone": _assay("methadone", "methadone"),
    "fentanyl": _assay("fentanyl", "fentanyl", "fentanyl"),
    "buprenorphine": _assay("buprenorphine", "buprenorphine", "buprenorphine"),
    "tramadol": _assay("tramadol", "tramadol", "tramadol"),
    "tapentadol": _assay("tapentadol", "tapentadol", "tapentadol"),
    "meperidine": _assay("meperidine", "meperidine", "meperidine"),
    "propoxyphene": _assay("propoxyphene"),
    "benzodiazepine": _assay("benzodiazepine", "benzodiazepine", "alprazolam clonazepam lorazepam"),
    "barbiturate": _assay("barbiturate"),
    "z_drug": _assay("z_drug"),
    "muscle_relaxant": _assay("muscle_relaxant carisoprodol meprobamate"),
    # Methylphenidate is another molecule and makes no amphetamine assay positive.
    "amphetamine": _assay(f"{_AMPHETAMINES} anorectic_controlled"),
    "cocaine": _NEVER_PRESCRIBED,
    "kratom": _NEVER_PRESCRIBED,
    "ketamine": Assay(frozenset(), frozenset(), mixed=True),
    "other_opioid": Assay(frozenset(), frozenset(), mixed=True),
    "phencyclidine": _NEVER_PRESCRIBED,
    "xylazine": _NEVER_PRESCRIBED,
}
NOT_MEASURED = frozenset({"type:cutoff_not_a_result", "type:list_of_tested_drugs", "type:method_name"})
_NO_RESULT = NOT_MEASURED | {"type:panel"}


@lru_cache(maxsize=1024)
def group_of(elements: frozenset[str]) -> str:
    """What the value set calls the group of an analyte; empty for what is in none."""
    return next((e.partition(":")[2] for e in sorted(elements) if e.startswith("udt_result:")), "")


@lru_cache(maxsize=1024)
def assay_grouped(elements: frozenset[str]) -> Assay | None:
    """The assay of the value set's group of analytes; None for what is no result, or in no group known here."""
    if not _NO_RESULT.isdisjoint(elements):
        return None
    return _BY_GROUP.get(group_of(elements))


@lru_cache(maxsize=1024)
def assay_named(display: str) -> Assay | None:
    """The assay of an analyte whose name says more than its group."""
    if _CLASS_NAME.search(display):
        return None
    return next((assay for pattern, assay in _BY_NAME if pattern.search(display)), None)
