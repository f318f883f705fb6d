"""Drugs by name in free text: the last resort for orders without a usable code.

A name is accepted as whole words only (tiotropium is not opium).  A strength is accepted when a product of that
strength exists; with several numbers ("50-325-40-30") the product that has them all decides.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from fractions import Fraction

from valuesets.kinds import key_of, kind_of
from valuesets.model import Drug, NamedDrug

_BRAND = re.compile(r"\[([^\]]+)\]")
_ONE = r"\d+(?:\.\d+)?"
_WITH_UNIT = re.compile(
    rf"(?<![\w.])({_ONE}(?:\s*(?:mg|mcg)?\s*[-/]\s*{_ONE})*)\s*(?:mg|mcg|ug|micrograms?|milligrams?)\b"
    r"(?!\s*(?:/|per)\s*h)"
)
_WITHOUT_UNIT = re.compile(
    rf"(?<![\w.#])({_ONE}(?:\s*[-/]\s*{_ONE})*)(?![\w.]|\s*(?:tab|cap|patch|day|dose|refill|x\b|h))"
)
_PER_HOUR = re.compile(rf"({_ONE})\s*(?:mcg|ug|microgram\w*)\s*(?:/|per)\s*(?:hr|hour|h)\b")
_PER_ML = re.compile(rf"({_ONE}(?:\s*(?:mg)?\s*[-/]\s*{_ONE})*)\s*mg\s*(?:/|per)\s*({_ONE})?\s*ml\b")
_EQUIVALENT = re.compile(
    r"(?:\d+(?:\.\d+)?\s*)?(?:mg\s+)?(?:morphine\s+(?:milligram\s+)?equivalents?|\bmme)\b(?:\s*(?:/|per)\s*day)?"
)
_TALK = re.compile(r"allerg|intoleran|agreement|contract|\brisk|screen|confirmation|drug test")
_STATED = re.compile(r"\d\s*(?:mg|mcg|ug)\b")
_NEGATED = re.compile(
    r"\b(?:not|never|stop(?:ped|ping)?|avoid|instead of|discontinue[d]?|hold|off|replac(?:es?|ing)|allergic to|without)"
    r"(?:\s+[a-z]+){0,3}\s+$"
)
_EXTENDED = re.compile(r"\b(?:er|xr|sr|cr|la|xl|extended|12\s*hr|24\s*hr)\b")
_COUGH = ("guaifenesin", "homatropine", "chlorpheniramine", "promethazine", "pseudoephedrine", "phenylephrine",
          "brompheniramine", "hycodan", "tussionex", "cheratussin", "cough", "hydromet", "tuxarin")  # fmt: skip
_COUGH_OPIOIDS = frozenset({"codeine", "hydrocodone", "dihydrocodeine"})
# Acetaminophen with codeine is sold, and ordered, by these numbers: milligrams of codeine.
_CODEINE_NUMBER = {"2": Fraction(15), "3": Fraction(30), "4": Fraction(60)}
_TYLENOL = re.compile(
    r"\b(?:tylenol|apap)[\s\-]*(?:(?:w(?:ith)?/?[\s\-]*)?cod(?:eine)?\b\.?)?[\s\-]*(?:no\.?|#|number)?\s*([234])\b"
    r"(?!\s*(?:\d|tab|cap|mg|g\b|times?|x\b|[-/.]))"
)
_NUMBERED = re.compile(r"codeine\s*(?:no\.?|#|number)\s*([234])\b")
_NOT_SEDATIVE = frozenset({"naloxone_rescue", "moud", "opioid"})
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
# Brands that are commoner as words or devices than as opioids.
_NOT_BRANDS = frozenset({"allay", "protex", "vortex"})
_SHORT_CLASS_NAMES = {
    "soma": "carisoprodol", "flexeril": "cyclobenzaprine", "robaxin": "methocarbamol", "skelaxin": "metaxalone",
    "zanaflex": "tizanidine", "lioresal": "baclofen",
}  # fmt: skip
_FORMS = (
    ("transdermal", re.compile(r"\bpatch|transderm|\b72\s*h")),
    (
        "injectable",
        re.compile(
            r"\binj|\biv\b|intravenous|\bpca\b|syringe|subcutaneous|\bvial\b|intrathecal|epidural|infusion|\bpump\b"
            r"|\bdrip\b|\bamp(?:ule?|oule)?s?\b|carpuject|preservative|\bpf\b|\d\s*mg\s*/\s*h"
        ),
    ),
    ("transdermal", re.compile(r"mcg\s*/\s*h|mcg per h")),
    ("implant", re.compile(r"implant")),
    ("film", re.compile(r"\bfilm")),
    ("sublingual", re.compile(r"sublingual|\bsl\b")),
    ("lozenge", re.compile(r"lozenge|lollipop|buccal")),
    ("nasal", re.compile(r"nasal")),
    ("rectal", re.compile(r"supposit|rectal")),
    ("liquid", re.compile(r"solution|liquid|elixir|syrup|suspension|concentrate|/\s*\d*\s*ml")),
    ("oral", re.compile(r"\btab|\bcap|oral|\bpo\b|\ber\b|\bir\b|\bxr\b|\bsr\b|\bcr\b|\bla\b")),
)  # fmt: skip
_ROUTES = {
    "transdermal": "transdermal", "injectable": "injectable", "rectal": "rectal", "nasal": "nasal",
    "film": "transmucosal_film", "sublingual": "transmucosal_tablet_lozenge", "implant": "implant",
    "lozenge": "transmucosal_tablet_lozenge",
}  # fmt: skip
_RESCUE = re.compile(r"\b(?:naloxone|narcan|kloxxado|rextovy|nalmefene|opvee|zimhi|evzio|zurnai)\b")
# Written on patches, though the coded strength is 12.
_ALSO_PATCHES = frozenset({Fraction("12.5")})


class NameIndex:
    """Names of ingredients and brands, and the strengths that exist for each."""

    def __init__(self, drugs: Iterable[Drug]) -> None:
        self._ingredient: dict[str, str] = dict(_SHORT_NAMES)
        self._classes: dict[str, tuple[str, frozenset[str]]] = {}
        self._strengths: dict[tuple[str, str], set[Fraction]] = {}
        self._combinations: dict[tuple[str, frozenset[Fraction]], set[Fraction]] = {}
        releases: dict[str, set[str]] = {}
        for drug in drugs:
            brands = [brand.lower() for brand in _BRAND.findall(drug.name) if len(brand) > 3]
            brands = [brand for brand in brands if brand not in _NOT_BRANDS]
            if "opioid" in drug.classes:
                self._learn_opioid(drug, brands)
                for brand in brands:
                    releases.setdefault(brand, set()).add(drug.release)
            else:
                self._learn_other(drug, brands)
        for name, ingredient in _SHORT_CLASS_NAMES.items():
            self._classes[name] = self._classes[ingredient]
        self._extended = {brand for brand, seen in releases.items() if seen - {""} == {"ER"}}
        longest_first = sorted({*self._ingredient, *self._classes}, key=len, reverse=True)
        self._names = re.compile(r"(?<![a-z])(?:" + "|".join(map(re.escape, longest_first)) + r")(?![a-z])")

    def _learn_opioid(self, drug: Drug, brands: list[str]) -> None:
        if drug.ingredient is None:
            return
        self._ingredient[drug.ingredient] = drug.ingredient
        for brand in brands:
            self._ingredient.setdefault(brand, drug.ingredient)
        if drug.strength is None or not drug.strength_unit:
            return
        self._strengths.setdefault((drug.ingredient, drug.strength_unit), set()).add(drug.strength)
        amounts = frozenset(part.amount for part in drug.components if part.amount is not None)
        if drug.strength_unit == "mg" and len(amounts) > 1 and drug.is_product:
            self._combinations.setdefault((drug.ingredient, amounts), set()).add(drug.strength)

    def _learn_other(self, drug: Drug, brands: list[str]) -> None:
        ingredient = drug.ingredient or ""
        if len(ingredient) < 4 or not re.fullmatch(r"[a-z -]+", ingredient):
            return
        for name in (ingredient, *brands):
            known = self._classes.get(name, (ingredient, frozenset[str]()))
            self._classes[name] = known[0], known[1] | drug.classes

    def find(self, text: str) -> NamedDrug | None:
        """The drug named in a lower-case text; None when none we track is named."""
        text = _EQUIVALENT.sub(" ", text)
        if _TALK.search(text) and not _STATED.search(text):
            return None
        names = [
            found[0] for found in self._names.finditer(text) if not _NEGATED.search(text[: found.start()])
        ]
        opioids = [self._ingredient[name] for name in names if name in self._ingredient]
        if numbered := _TYLENOL.search(text):
            opioids = opioids or ["codeine"]
        if opioids:
            return self._opioid(text, opioids, names, numbered or _NUMBERED.search(text))
        if _RESCUE.search(text):
            drug = Drug("", "NAME", text, "naloxone", classes=frozenset({"naloxone_rescue"}))
            return NamedDrug(drug, certain=True)
        others = [self._classes[name] for name in names if name in self._classes]
        if not others:
            return None
        classes = frozenset(word for _, group in others for word in group)
        return NamedDrug(Drug("", "NAME", text, others[0][0], classes=classes), certain=True)

    def _opioid(
        self, text: str, opioids: list[str], names: list[str], numbered: re.Match[str] | None
    ) -> NamedDrug:
        ingredient = opioids[0]
        form = next((name for name, pattern in _FORMS if pattern.search(text)), "")
        only = len(set(opioids)) == 1
        strength, unit = self._strength(text, ingredient, form) if only else (None, None)
        if numbered and only and ingredient == "codeine" and form in {"", "oral"}:
            form, strength, unit = "oral", _CODEINE_NUMBER[numbered[1]], "mg"
        key = key_of(ingredient, form, text)
        category, counted, classes = kind_of(ingredient, key)
        if form == "injectable":
            category, counted = _injected(ingredient)
        elif ingredient in _COUGH_OPIOIDS and any(word in text for word in _COUGH):
            category, counted = "cough_cold_antitussive", "no"
        sedatives = {
            c for name in names if name in self._classes for c in self._classes[name][1]
        } - _NOT_SEDATIVE
        release = "ER" if _EXTENDED.search(text) or self._extended.intersection(names) else "IR"
        drug = Drug(
            "", "NAME", text, ingredient, strength, unit, (), form, _ROUTES.get(form, "oral"), release, category,
            counted, key, frozenset({"opioid", *classes, *sedatives}),
        )  # fmt: skip
        return NamedDrug(drug, strength is not None and bool(form))

    def _strength(self, text: str, ingredient: str, form: str) -> tuple[Fraction | None, str | None]:
        if form == "transdermal":
            known = self._strengths.get((ingredient, "mcg/h"), set()) | _ALSO_PATCHES
            hourly = [Fraction(found) for found in _PER_HOUR.findall(text)]
            return _only(set(hourly or _numbers(text)) & known if len(hourly) < 2 else set(), "mcg/h")
        if liquid := _PER_ML.findall(text):
            return _only(_ratios(liquid, self._strengths.get((ingredient, "mg/mL"), set())), "mg/mL")
        if form in {"liquid", "injectable"}:
            return None, None
        numbers = _numbers(text)
        if "mcg" in text or "microgram" in text:
            numbers = [number / 1000 for number in numbers]
        whole = self._combinations.get((ingredient, frozenset(numbers)))
        return _only(whole or set(numbers) & self._strengths.get((ingredient, "mg"), set()), "mg")


def _only(found: set[Fraction], unit: str) -> tuple[Fraction | None, str | None]:
    """The one strength there is; several leave a doubt."""
    return (next(iter(found)), unit) if len(found) == 1 else (None, None)


def _numbers(text: str) -> list[Fraction]:
    """The numbers that may be strengths: those with a unit, or, when there are none, the bare ones."""
    chains = _WITH_UNIT.findall(text) or _WITHOUT_UNIT.findall(text)
    return [Fraction(number) for chain in chains for number in re.findall(_ONE, chain)]


def _ratios(liquid: list[tuple[str, str]], known: set[Fraction]) -> set[Fraction]:
    """Strengths per millilitre of liquids there are; RxNorm rounds them (0.667 for 10 mg in 15 mL)."""
    found = {
        Fraction(number) / Fraction(ml or 1)
        for chain, ml in liquid
        for number in re.findall(_ONE, chain)
        if Fraction(ml or 1)
    }
    return {ratio for ratio in found if any(abs(ratio - strength) * 200 <= strength for strength in known)}


def _injected(ingredient: str) -> tuple[str, str]:
    if ingredient == "buprenorphine":
        return "buprenorphine_moud_er_injection", "no"
    return ("methadone_injectable" if ingredient == "methadone" else "injectable_full_agonist"), "no"
