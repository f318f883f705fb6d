"""Drugs by name in free text: the last resort for orders without a usable code.

A name is accepted as whole words only (tiotropium is not opium).  A strength is accepted when it is one that
exists for the ingredient and form; with two numbers ("10-325") the one that exists decides.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from fractions import Fraction

from valuesets.model import Drug, NamedDrug

_BRAND = re.compile(r"\[([^\]]+)\]")
_NUMBER = re.compile(r"(?<![\w.])(\d+(?:\.\d+)?)(?![\w.]*\s*(?:tab|cap|day|dose|refill|x\b))")
_PER_HOUR = re.compile(r"(\d+(?:\.\d+)?)\s*(?:mcg|ug|microgram\w*)\s*(?:/|per)\s*(?:hr|hour|h)\b")
_PER_ML = re.compile(r"(\d+(?:\.\d+)?)\s*mg\s*(?:/|per)\s*(\d+(?:\.\d+)?)?\s*ml\b")
_WORDS = re.compile(r"[a-z][a-z\-]*[a-z]|[a-z]")
_NOT_A_DRUG = re.compile(
    r"(?:morphine|opioid)\s+(?:milligram\s+)?equivalent|allerg|agreement|risk|antagonist|withdrawal|screen"
)
_COUGH = ("guaifenesin", "homatropine", "chlorpheniramine", "promethazine", "pseudoephedrine", "phenylephrine",
          "brompheniramine", "hycodan", "tussionex", "cheratussin", "cough")  # fmt: skip
# Short names clinicians write that are neither RxNorm ingredients nor brands in the tables.
_SHORT_NAMES = {
    "apap-codeine": "codeine",
    "hydromorph": "hydromorphone",
    "oxycod": "oxycodone",
    "oxy": "oxycodone",
    "oxyir": "oxycodone",
    "norco": "hydrocodone",
    "vicodin": "hydrocodone",
    "lortab": "hydrocodone",
    "percocet": "oxycodone",
    "roxicodone": "oxycodone",
    "oxycontin": "oxycodone",
    "ultram": "tramadol",
    "nucynta": "tapentadol",
    "dilaudid": "hydromorphone",
    "duragesic": "fentanyl",
    "suboxone": "buprenorphine",
    "subutex": "buprenorphine",
    "zubsolv": "buprenorphine",
    "butrans": "buprenorphine",
    "belbuca": "buprenorphine",
    "opana": "oxymorphone",
    "kadian": "morphine",
    "avinza": "morphine",
    "dolophine": "methadone",
    "methadose": "methadone",
    "levo-dromoran": "levorphanol",
    "demerol": "meperidine",
    "pethidine": "meperidine",
    "actiq": "fentanyl",
    "fentora": "fentanyl",
    "msir": "morphine",
}
_FORMS = (
    ("transdermal", re.compile(r"\bpatch|transderm|\b72\s*h|mcg\s*/\s*h")),
    ("injectable", re.compile(r"\binj|\biv\b|intravenous|\bpca\b|syringe|subcutaneous|\bvial\b")),
    ("film", re.compile(r"\bfilm")),
    ("sublingual", re.compile(r"sublingual|\bsl\b")),
    ("lozenge", re.compile(r"lozenge|lollipop|buccal")),
    ("nasal", re.compile(r"nasal")),
    ("rectal", re.compile(r"supposit|rectal")),
    ("liquid", re.compile(r"solution|liquid|elixir|syrup|suspension|concentrate|/\s*\d*\s*ml")),
    ("oral", re.compile(r"\btab|\bcap|oral|\bpo\b|\ber\b|\bir\b|\bxr\b|\bsr\b|\bcr\b|\bla\b")),
)  # fmt: skip
_RESCUE = re.compile(r"\b(?:naloxone|narcan|kloxxado|rextovy|nalmefene|opvee|zimhi|evzio)\b")
_NOT_RESCUE = re.compile(r"buprenorphine|pentazocine|oxycodone|suboxone|zubsolv|bunavail")


class NameIndex:
    """Names of ingredients and brands, and the strengths that exist for each."""

    def __init__(self, drugs: Iterable[Drug]) -> None:
        self._ingredient: dict[str, str] = dict(_SHORT_NAMES)
        self._classes: dict[str, frozenset[str]] = {}
        self._strengths: dict[tuple[str, str], set[Fraction]] = {}
        for drug in drugs:
            self._learn(drug)
        longest_first = sorted({*self._ingredient, *self._classes}, key=len, reverse=True)
        self._names = re.compile(r"(?<![a-z])(?:" + "|".join(map(re.escape, longest_first)) + r")(?![a-z])")

    def _learn(self, drug: Drug) -> None:
        if drug.ingredient is None:
            return
        if "opioid" in drug.classes:
            self._ingredient[drug.ingredient] = drug.ingredient
            for brand in _BRAND.findall(drug.name):
                if len(brand) > 3:
                    self._ingredient.setdefault(brand.lower(), drug.ingredient)
            if drug.strength is not None and drug.strength_unit:
                self._strengths.setdefault((drug.ingredient, drug.strength_unit), set()).add(drug.strength)
        elif "/" not in drug.ingredient and len(drug.ingredient) > 3:
            known = self._classes.get(drug.ingredient, frozenset())
            self._classes[drug.ingredient] = known | drug.classes

    def find(self, text: str) -> NamedDrug | None:
        """The drug named in a lower-case text; None when none we track is named."""
        if _RESCUE.search(text) and not _NOT_RESCUE.search(text):
            return NamedDrug(
                Drug("", "NAME", text, "naloxone", classes=frozenset({"naloxone_rescue"})), certain=True
            )
        if _NOT_A_DRUG.search(text):
            return None
        names = self._names.findall(text)
        opioids = [self._ingredient[name] for name in names if name in self._ingredient]
        if not opioids:
            classes = [self._classes[name] for name in names if name in self._classes]
            if not classes:
                return None
            return NamedDrug(
                Drug(
                    "", "NAME", text, names[0], classes=frozenset(word for group in classes for word in group)
                ),
                certain=True,
            )
        return self._opioid(text, opioids)

    def _opioid(self, text: str, opioids: list[str]) -> NamedDrug:
        ingredient = opioids[0]
        form = next((name for name, pattern in _FORMS if pattern.search(text)), "")
        strength, unit = self._strength(text, ingredient, form)
        category, key, classes = _kind(text, ingredient, form)
        certain = strength is not None and bool(form) and len(set(opioids)) == 1
        release = "ER" if re.search(r"\b(?:er|xr|sr|cr|la|extended|12\s*hr|24\s*hr|contin)\b", text) else "IR"
        drug = Drug(
            "", "NAME", text, ingredient, strength, unit, (), form, _ROUTES.get(form, "oral"), release, category,
            "yes" if category == "full_agonist_analgesic" and key else "review", key, frozenset({"opioid", *classes}),
        )  # fmt: skip
        return NamedDrug(drug, certain)

    def _strength(self, text: str, ingredient: str, form: str) -> tuple[Fraction | None, str | None]:
        if form == "transdermal":
            hourly = [Fraction(number) for number in _PER_HOUR.findall(text)]
            return (hourly[0], "mcg/h") if len(hourly) == 1 else (None, None)
        if liquid := _PER_ML.findall(text):
            ratios = {Fraction(mg) / Fraction(ml or "1") for mg, ml in liquid}
            known = ratios & self._strengths.get((ingredient, "mg/mL"), set())
            return (known.pop(), "mg/mL") if len(known) == 1 else (None, None)
        if form in {"liquid", "injectable"}:
            return None, None
        numbers = {Fraction(number) for number in _NUMBER.findall(_numbers_apart(text))}
        if re.search(r"\d\s*(?:mcg|ug)\b", text):
            numbers = {number / 1000 for number in numbers}
        known = numbers & self._strengths.get((ingredient, "mg"), set())
        return (known.pop(), "mg") if len(known) == 1 else (None, None)


_ROUTES = {
    "transdermal": "transdermal", "injectable": "injectable", "rectal": "rectal", "nasal": "nasal",
    "film": "transmucosal_film", "sublingual": "transmucosal_tablet_lozenge",
    "lozenge": "transmucosal_tablet_lozenge",
}  # fmt: skip


def _numbers_apart(text: str) -> str:
    """ "5-325mg" becomes "5 325 mg"; fractions of an instruction such as "1/2" go."""
    apart = re.sub(r"\b1/2\b", " ", text)
    apart = re.sub(r"(?<=\d)\s*[-/]\s*(?=\d)", " ", apart)
    return re.sub(r"(?<=\d)(?=mg|mcg|ug)", " ", apart)


def _kind(text: str, ingredient: str, form: str) -> tuple[str, str | None, frozenset[str]]:
    """Category, factor key and further classes of an opioid known by name only."""
    nothing: frozenset[str] = frozenset()
    if any(word in text for word in _COUGH):
        return "cough_cold_antitussive", f"{ingredient}|oral", nothing
    if form == "injectable":
        return "injectable_full_agonist", None, nothing
    if ingredient == "buprenorphine":
        return _buprenorphine(text, form)
    if ingredient == "fentanyl":
        return "full_agonist_analgesic", _FENTANYL_KEYS.get(form), nothing
    category = "methadone_pain_or_otp" if ingredient == "methadone" else "full_agonist_analgesic"
    return category, f"{ingredient}|{'rectal' if form == 'rectal' else 'oral'}", nothing


_FENTANYL_KEYS = {
    "transdermal": "fentanyl|transdermal",
    "lozenge": "fentanyl|buccal_sl_tablet_or_lozenge",
    "sublingual": "fentanyl|buccal_sl_tablet_or_lozenge",
    "nasal": "fentanyl|nasal_spray",
    "film": "fentanyl|film_or_oral_spray",
}


def _buprenorphine(text: str, form: str) -> tuple[str, str | None, frozenset[str]]:
    """For pain by patch or by the one film made for it; every other form treats opioid use disorder."""
    pain = frozenset({"buprenorphine_pain"})
    if form == "transdermal" or "butrans" in text:
        return "buprenorphine_pain_patch", "buprenorphine|transdermal", pain
    if "belbuca" in text:
        return "buprenorphine_pain_buccal_film", "buprenorphine|buccal_film_mcg", pain
    return "buprenorphine_moud", "buprenorphine|sl_tablet_or_film", frozenset({"moud"})
