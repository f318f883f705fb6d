"""Which drug: every coding is read, the most exact one decides, and the name is the last resort."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from fhir_mappings.facts import DrugBasis, DrugFact, IssueCode
from fhir_mappings.resources import Concept
from valuesets import Drug, NamedDrug, Terms
from valuesets.systems import NDC, RXNORM, canonical

_CATEGORIES = {
    "full_agonist_analgesic": "analgesic",
    "mixed_agonist_antagonist_analgesic": "analgesic",
    "withdrawn_us_analgesic": "analgesic",
    "opium_suppository": "analgesic",
    "cough_cold_antitussive": "cough_cold",
    "opium_antidiarrheal_or_tincture": "antidiarrhoeal",
    "methadone_pain_or_otp": "methadone",
    "methadone_concentrate_otp_likely": "methadone",
    "methadone_otp_dispersible": "methadone",
    "buprenorphine_moud": "oud_treatment",
    "buprenorphine_moud_er_injection": "oud_treatment",
    "buprenorphine_moud_implant": "oud_treatment",
    "withdrawn_us_moud": "oud_treatment",
    "buprenorphine_pain_patch": "pain_buprenorphine",
    "buprenorphine_pain_buccal_film": "pain_buprenorphine",
    "injectable_full_agonist": "injectable",
    "mixed_agonist_antagonist_injectable": "injectable",
    "anesthesia_or_inpatient_only": "injectable",
    "methadone_injectable": "injectable",
    "buprenorphine_injectable_analgesic": "injectable",
    "ingredient_or_group_level": "analgesic",
}
_OPIOID_ANTAGONISTS = frozenset({"naloxone", "naltrexone", "nalmefene"})
_CODE_SYSTEMS = frozenset({RXNORM, NDC})
_LONGEST_TEXT = 1000
_ABSENT = "data-absent-reason"
_MASKS = frozenset({"error", "masked", "unknown"})
# Words that name an opioid although no drug we know of; misspelt and foreign forms of the common ones included.
_OPIOID_WORDS = re.compile(
    r"(?<!non)(?<!non[ -])\b(?:opioids?|opiates?|narcotics?)\b"
    r"(?![\s-]*(?:antagonist|agreement|contract|withdrawal|screen|free|naive|induced|overdose|reversal|rescue|use\b))"
    r"|\b(?:oxycod|hydrocod|oxymorph|hydromorph|morphin|fentan[iy]l|methadon|tramad|tapentad|bupr[ei]norph|codein"
    r"|meperi[dt]|pethid|levorphan|sufentan|remifentan|nalbuph|butorphan|pentazoc|dihydrocod|dihydromorph|diamorph"
    r"|levomethad|(?:dextro)?propoxyph|piritramid|tilidin|opium|paregoric|co-?codamol|co-?dydramol|mso4|hydrocone"
    r"|oxyco[nt]|percocet|endocet|norco|vicod[ei]n|lortab|lorcet|roxicod|roxicet|ms[ -]?contin|m\.s\.? contin|dilaudid"
    r"|nucynta|ultram|ultracet|duragesic|demerol|dolophine|methadose|darvocet|darvon)[a-z]*",
    re.IGNORECASE,
)
_OPIOID_STEMS = {
    "oxycod": "oxycodone", "hydrocod": "hydrocodone", "oxymorph": "oxymorphone", "hydromorph": "hydromorphone",
    "morphin": "morphine", "fentan": "fentanyl", "methadon": "methadone", "tramad": "tramadol",
    "tapentad": "tapentadol", "bupr": "buprenorphine", "codein": "codeine",
}  # fmt: skip
# Orders whose name is a place-holder: the drug is written elsewhere.
_PLACEHOLDER = re.compile(
    r"\b(?:misc(?:ellaneous)?|free ?text|non-?formulary|template|compound(?:ed)?|unlisted|other|patient supplied"
    r"|home med|medication|prescription|unknown|order|drug)s?\b",
    re.IGNORECASE,
)
Key = tuple[str, str]
Note = tuple[IssueCode, str]


@dataclass(frozen=True, slots=True)
class NamedAs:
    """How a resource names its drug: codings in order, and every text that may hold the name.

    masked: the EHR shows a code for "not shown" instead.  lost: an ingredient is a reference that leads nowhere.
    """

    codings: tuple[Key, ...] = ()
    texts: tuple[str, ...] = ()
    masked: bool = False
    lost: bool = False

    @property
    def display(self) -> str:
        return self.texts[0] if self.texts else "drug not named"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The drug, and what a reader should know about how it was recognised."""

    drug: DrugFact
    notes: tuple[Note, ...] = ()


def names_in(concepts: Iterable[Concept | None], *texts: str) -> NamedAs:
    """All codings and texts of these concepts, without repeats; the concepts' own words before those of their codes.

    masked: the EHR gives a code for "not shown" instead of a drug.
    """
    codings: dict[Key, None] = {}
    words: dict[str, None] = {}
    displays: set[str] = set()
    absent = False
    for concept in concepts:
        if concept is None:
            continue
        if concept.text:
            words[concept.text] = None
        for coding in concept.coding:
            if _ABSENT in coding.system:
                absent = True
                continue
            codings[coding.system, coding.code.strip()] = None
            # Some systems use the drug's name as its code.
            name = coding.display or (coding.code if re.search("[A-Za-z]{4}", coding.code) else "")
            if name:
                displays.add(name)
    words.update((text, None) for text in (*sorted(displays), *texts) if text)
    if words.keys() <= {"Error"} or (absent and all(word.lower() in _MASKS for word in words)):
        return NamedAs(tuple(codings), (), masked=absent or bool(words))
    return NamedAs(tuple(codings), tuple(words))


def is_ndc(system: str) -> bool:
    """The NDC system, or a vendor's own name for it (a copied NDC is 10 or 11 digits wherever it stands)."""
    return canonical(system) == NDC or system.lower().rstrip("/").endswith("ndc")


@lru_cache(maxsize=20_000)
def recognise(named: NamedAs, terms: Terms) -> Verdict:
    """The drug by its strongest key: site code, product code, NDC, ingredient code, name."""
    for system, code in named.codings:
        own = terms.drug(code, system)
        if own is not None and own.tty == "SITE":
            return Verdict(_fact(own, named, DrugBasis.SITE_CODE))
    rxnorm = [
        drug
        for system, code in named.codings
        if canonical(system) == RXNORM and (drug := terms.drug(code)) is not None
    ]
    by_name = _best_name(named.texts, terms)
    products = [drug for drug in rxnorm if drug.is_product]
    if products:
        return _product(products, named, by_name, DrugBasis.PRODUCT_CODE)
    by_ndc = [
        drug
        for system, code in named.codings
        if is_ndc(system) and (drug := terms.drug_by_ndc(code)) is not None
    ]
    if by_ndc:
        return _product(by_ndc, named, by_name, DrugBasis.NDC)
    return _above_product(rxnorm, named, by_name)


def _best_name(texts: Iterable[str], terms: Terms) -> NamedDrug | None:
    """What the texts name: an opioid before anything else, one with a strength before one without."""
    found = [named for text in texts if (named := terms.drug_by_name(text[:_LONGEST_TEXT])) is not None]
    return max(found, key=_telling, default=None)


def _telling(named: NamedDrug) -> tuple[bool, bool, bool]:
    return "opioid" in named.drug.classes, named.drug.strength is not None, named.certain


def _product(
    products: Sequence[Drug], named: NamedAs, by_name: NamedDrug | None, basis: DrugBasis
) -> Verdict:
    """Generic products before branded ones; products that differ in drug or strength are told."""
    opioids = [drug for drug in products if "opioid" in drug.classes]
    if not opioids and by_name is not None and "opioid" in by_name.drug.classes:
        text = "its code is no opioid but its name is one; the name is used, check the order"
        return Verdict(_fact(by_name.drug, named, DrugBasis.NAME), ((IssueCode.CODES_DISAGREE, text),))
    chosen = sorted(opioids or products, key=lambda drug: (drug.tty != "SCD", drug.tty != "GPCK", drug.code))
    kinds = {(drug.ingredient, drug.strength, drug.strength_unit, drug.release) for drug in opioids}
    named_drug = by_name.drug if by_name is not None and by_name.certain else None
    agreeing = [drug for drug in chosen if named_drug is not None and _agree(drug, named_drug)]
    if len(kinds) > 1:
        which = "the one its name agrees with is used" if agreeing else "check the order"
        text = f"its codes name products of different drug, strength or release; {which}"
        return Verdict(_fact((agreeing or chosen)[0], named, basis), ((IssueCode.CODES_DISAGREE, text),))
    fact = _fact(chosen[0], named, basis)
    if opioids and named_drug is not None and "opioid" in named_drug.classes and not agreeing:
        return Verdict(fact, ((IssueCode.CODES_DISAGREE, "its code and its name differ; the code is used"),))
    return Verdict(fact)


def _agree(drug: Drug, named: Drug) -> bool:
    """Same ingredient, and the same strength where both are in one unit."""
    if drug.ingredient != named.ingredient:
        return False
    return drug.strength_unit != named.strength_unit or drug.strength == named.strength


def _above_product(rxnorm: Sequence[Drug], named: NamedAs, by_name: NamedDrug | None) -> Verdict:
    """Only an ingredient, brand or group code, or none: the name fills in what it can."""
    coded = _coded(rxnorm)
    drug = by_name.drug if by_name is not None else None
    named_opioid = drug is not None and "opioid" in drug.classes
    if coded is not None and "opioid" not in coded.classes and named_opioid:
        coded = None
    if coded is not None and (drug is None or not _fits(coded, drug)):
        notes = _ingredient_notes(rxnorm, coded, named_opioid)
        return Verdict(_fact(coded, named, DrugBasis.INGREDIENT_CODE), notes)
    if drug is None:
        return _by_words(named)
    fact = _fact(drug, named, DrugBasis.NAME if coded is None else DrugBasis.INGREDIENT_CODE)
    if not named_opioid:
        return Verdict(fact)
    what = "it has no usable code" if coded is None else "only the ingredient is coded"
    if drug.strength is None:
        code = IssueCode.UNMAPPED_DRUG if coded is None else IssueCode.DRUG_INGREDIENT_ONLY
        return Verdict(fact, ((code, f"{what} and its name gives no strength that exists"),))
    code = IssueCode.DRUG_FROM_TEXT if coded is None else IssueCode.DRUG_INGREDIENT_ONLY
    return Verdict(fact, ((code, f"{what}; strength and form were read from its name"),))


def _fits(coded: Drug, named: Drug) -> bool:
    """Same ingredient; a brand or group code may leave the ingredient open, but not the class."""
    if coded.ingredient is None:
        return bool(coded.classes & named.classes)
    return coded.ingredient == named.ingredient


def _coded(rxnorm: Sequence[Drug]) -> Drug | None:
    """The ingredient among codes above product level; opioids first, the antagonist in a combination last."""
    ranked = sorted(
        rxnorm,
        key=lambda drug: (
            "opioid" not in drug.classes or drug.ingredient is None,
            drug.ingredient in _OPIOID_ANTAGONISTS,
            drug.tty == "BN",
            drug.code,
        ),
    )
    return ranked[0] if ranked else None


def _ingredient_notes(rxnorm: Sequence[Drug], coded: Drug, named_otherwise: bool) -> tuple[Note, ...]:
    if "opioid" not in coded.classes:
        return ()
    notes: list[Note] = [
        (IssueCode.DRUG_INGREDIENT_ONLY, "only the ingredient is coded; its strength is not known")
    ]
    ingredients = {drug.ingredient for drug in rxnorm if "opioid" in drug.classes and drug.ingredient}
    if named_otherwise or len(ingredients) > 1:
        notes.append(
            (IssueCode.CODES_DISAGREE, "its codes and its name give different opioids; check the order")
        )
    return tuple(notes)


def _by_words(named: NamedAs) -> Verdict:
    """No drug we know: still an opioid when a word says so, which must never pass unseen."""
    for text in named.texts:
        found = _OPIOID_WORDS.search(text)
        if found:
            return _unmapped(named.display, found[0])
    return Verdict(DrugFact(named.display, DrugBasis.NONE))


def _unmapped(name: str, word: str) -> Verdict:
    stem = next((stem for stem in _OPIOID_STEMS if word.lower().startswith(stem)), None)
    fact = DrugFact(
        name,
        DrugBasis.NAME,
        ingredient=_OPIOID_STEMS[stem] if stem else None,
        category="analgesic",
        classes=frozenset({"opioid"}),
    )
    text = "its name speaks of an opioid that could not be identified; check the order"
    return Verdict(fact, ((IssueCode.UNMAPPED_DRUG, text),))


def _fact(drug: Drug, named: NamedAs, basis: DrugBasis) -> DrugFact:
    return DrugFact(
        name=named.display if named.texts else drug.name,
        basis=basis,
        code=drug.code or None,
        ingredient=drug.ingredient,
        strength=drug.strength,
        strength_unit=drug.strength_unit,
        dose_form=drug.dose_form,
        route=drug.route,
        release=drug.release,
        form_key=drug.form_key,
        category=_CATEGORIES.get(drug.category, "other"),
        counted=drug.counted,
        classes=drug.classes,
        beside=drug.beside,
    )


def names_nothing(named: NamedAs) -> bool:
    """Whether there is no code of a drug that we can look up, and no name or only a place-holder for one."""
    if any(canonical(system) in _CODE_SYSTEMS or is_ndc(system) for system, _ in named.codings):
        return False
    return not any(re.search(r"\w", _PLACEHOLDER.sub("", text)) for text in named.texts)


def with_text_search(verdict: Verdict, named: NamedAs, texts: Iterable[str], terms: Terms) -> Verdict:
    """For free-text orders ("Misc Prescription"): look for an opioid in the directions as well.

    Only where no code says what the drug is: directions of other drugs may mention an opioid to avoid.
    """
    drug = verdict.drug
    coded = any(canonical(system) in _CODE_SYSTEMS for system, _ in named.codings)
    if drug.basis is not DrugBasis.NONE or coded or (named.texts and not _PLACEHOLDER.search(named.display)):
        return verdict
    for text in texts:
        found = terms.drug_by_name(text[:_LONGEST_TEXT])
        if found is not None and "opioid" in found.drug.classes:
            fact = _fact(found.drug, NamedAs(texts=(drug.name,)), DrugBasis.NAME)
            return Verdict(fact, ((IssueCode.DRUG_FROM_TEXT, "the drug is named only in the directions"),))
        word = _OPIOID_WORDS.search(text)
        if word:
            return _unmapped(drug.name, word[0])
    return verdict
