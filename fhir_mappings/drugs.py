"""Which drug: every coding is read, the most exact one decides, and the name is the last resort."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from fhir_mappings.facts import DrugBasis, DrugFact, IssueCode
from fhir_mappings.resources import Concept, Contained, Medication
from valuesets import Drug, Terms
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
Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class NamedAs:
    """How a resource names its drug: codings in order, and every text that may hold the name."""

    codings: tuple[Key, ...]
    texts: tuple[str, ...]

    @property
    def display(self) -> str:
        return self.texts[0] if self.texts else "drug not named"


Verdict = tuple[DrugFact, tuple[tuple[IssueCode, str], ...]]


def names_in(concepts: Iterable[Concept | None], *texts: str) -> NamedAs:
    """All codings and texts of these concepts, without repeats."""
    codings: dict[Key, None] = {}
    words: dict[str, None] = {}
    for concept in concepts:
        if concept is None:
            continue
        if concept.text:
            words[concept.text] = None
        for coding in concept.coding:
            codings[coding.system, coding.code] = None
            if coding.display:
                words[coding.display] = None
    words.update((text, None) for text in texts if text)
    return NamedAs(tuple(codings), tuple(words))


def concepts_of(medication: Medication | Contained) -> tuple[Concept | None, ...]:
    """The product's own code.  A single ingredient may stand in where the product has no code at all."""
    if medication.code is not None and (medication.code.coding or medication.code.text):
        return (medication.code,)
    return tuple(part.itemCodeableConcept for part in medication.ingredient)


@lru_cache(maxsize=20_000)
def recognise(named: NamedAs, terms: Terms) -> Verdict:
    """The drug, and what a reader should know about how it was recognised."""
    site = [(code, drug) for system, code in named.codings if (drug := _site_drug(terms, system, code))]
    if site:
        return _fact(site[0][1], named, DrugBasis.SITE_CODE), ()
    rxnorm = _rxnorm(named, terms)
    products = [drug for drug in rxnorm if drug.is_product]
    if products:
        return _product(products, named, terms)
    for system, code in named.codings:
        if canonical(system) == NDC and (drug := terms.drug_by_ndc(code)):
            return _fact(drug, named, DrugBasis.NDC), ()
    return _above_product(rxnorm, named, terms)


def _site_drug(terms: Terms, system: str, code: str) -> Drug | None:
    found = terms.drug(code, system)
    return found if found is not None and found.tty == "SITE" else None


def _rxnorm(named: NamedAs, terms: Terms) -> list[Drug]:
    codes = [code for system, code in named.codings if canonical(system) == RXNORM]
    return [drug for code in codes if (drug := terms.drug(code)) is not None]


def _product(products: Sequence[Drug], named: NamedAs, terms: Terms) -> Verdict:
    """Generic products before branded ones; products that differ in drug or strength are told."""
    opioids = [drug for drug in products if "opioid" in drug.classes]
    chosen = sorted(opioids or products, key=lambda drug: (drug.tty != "SCD", drug.tty != "GPCK", drug.code))
    kinds = {(drug.ingredient, drug.strength, drug.strength_unit, drug.release) for drug in opioids}
    if len(kinds) <= 1:
        return _fact(chosen[0], named, DrugBasis.PRODUCT_CODE), ()
    by_name = _named(named, terms)
    agreeing = [
        drug
        for drug in chosen
        if by_name and (drug.ingredient, drug.strength) == (by_name.ingredient, by_name.strength)
    ]
    text = (
        "its codes name products of different drug, strength or release; the one its name agrees with is used"
    )
    if not agreeing:
        text = "its codes name products of different drug, strength or release; check the order"
    return _fact((agreeing or chosen)[0], named, DrugBasis.PRODUCT_CODE), ((IssueCode.CODES_DISAGREE, text),)


def _named(named: NamedAs, terms: Terms) -> Drug | None:
    for text in named.texts:
        found = terms.drug_by_name(text)
        if found is not None:
            return found.drug
    return None


def _above_product(rxnorm: Sequence[Drug], named: NamedAs, terms: Terms) -> Verdict:
    """Only an ingredient, brand or group code, or none: the name fills in what it can."""
    coded = next((drug for drug in rxnorm if "opioid" in drug.classes and drug.ingredient), None)
    coded = coded or next((drug for drug in rxnorm if drug.ingredient not in _OPIOID_ANTAGONISTS), None)
    by_name = _named(named, terms)
    if coded is not None and (by_name is None or by_name.ingredient != coded.ingredient):
        issues = (
            (IssueCode.DRUG_INGREDIENT_ONLY, "only the ingredient is coded; its strength is not known"),
        )
        return _fact(coded, named, DrugBasis.INGREDIENT_CODE), issues if "opioid" in coded.classes else ()
    if by_name is None:
        return DrugFact(named.display, DrugBasis.NONE), ()
    basis = DrugBasis.INGREDIENT_CODE if coded is not None else DrugBasis.NAME
    if "opioid" not in by_name.classes:
        return _fact(by_name, named, basis), ()
    what = "only the ingredient is coded" if coded is not None else "it has no usable code"
    if by_name.strength is None:
        code = IssueCode.DRUG_INGREDIENT_ONLY if coded is not None else IssueCode.UNMAPPED_DRUG
        return _fact(by_name, named, basis), ((code, f"{what} and its name gives no strength that exists"),)
    code = IssueCode.DRUG_INGREDIENT_ONLY if coded is not None else IssueCode.DRUG_FROM_TEXT
    return _fact(by_name, named, basis), ((code, f"{what}; strength and form were read from its name"),)


def _fact(drug: Drug, named: NamedAs, basis: DrugBasis) -> DrugFact:
    name = named.display if named.texts else drug.name
    return DrugFact(
        name=name,
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
    )


def with_text_search(verdict: Verdict, texts: Iterable[str], terms: Terms) -> Verdict:
    """For free-text orders ("Misc Prescription"): look for an opioid in the directions as well."""
    drug, issues = verdict
    if drug.basis is not DrugBasis.NONE:
        return verdict
    for text in texts:
        found = terms.drug_by_name(text) if text else None
        if found is not None and "opioid" in found.drug.classes:
            fact = replace(_fact(found.drug, NamedAs((), (drug.name,)), DrugBasis.NAME))
            return fact, ((IssueCode.DRUG_FROM_TEXT, "the drug is named only in the directions"),)
    return drug, issues
