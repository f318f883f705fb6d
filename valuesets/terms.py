"""Look-ups over the terminology.  Each table is read when it is first needed, and every answer is immutable."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction
from functools import cached_property
from typing import Protocol

from valuesets import systems
from valuesets.errors import ValueSetError
from valuesets.model import Drug, Factor, Ingredient, NamedDrug
from valuesets.names import NameIndex
from valuesets.site import SiteCodes

# Claims tables give a patch factor per patch and day of supply; over the days one patch is worn it is the factor per
# microgram per hour (7.2 over 3 days = 2.4).
_WORN_DAYS = {
    "daily_dose": 1,
    "strength x units/days_supply (patch worn 3 days)": 3,
    "strength x units/days_supply (patch worn 7 days)": 7,
}


class RowSource(Protocol):
    """Where the rows of a named file come from."""

    def rows(self, name: str) -> Iterator[list[str]]: ...


def _number(text: str) -> Fraction | None:
    return Fraction(text) if text else None


class Terms:
    """What codes mean.  versions: what is loaded, by name; version: one short text for all of it."""

    def __init__(self, tables: RowSource, site: SiteCodes, versions: Mapping[str, str]) -> None:
        self._tables, self._site = tables, site
        self.versions = dict(versions)
        self.version = versions["valuesets"] + ("" if versions["snomed"] == "included" else "-no-snomed")
        if site.version:
            self.version += f"+site.{site.version[:6]}"
        self._names: dict[str, NamedDrug | None] = {}

    # Drugs

    def drug(self, code: str, system: str = systems.RXNORM) -> Drug | None:
        """The drug an RxNorm code, or a site's own code, stands for; None when it is not one we track."""
        own = self._site.drugs.get((system, code))
        if own is not None:
            return own
        return self._drugs.get(code) if systems.canonical(system) == systems.RXNORM else None

    def drug_by_ndc(self, ndc: str) -> Drug | None:
        """The product behind a National Drug Code, with or without hyphens, of 10 or 11 digits."""
        for code in _ndc11(ndc):
            found = self._ndc.get(code)
            if found is not None:
                return found
        return None

    def drug_by_name(self, text: str) -> NamedDrug | None:
        """The tracked drug a free text names, if any: last resort, for orders without a usable code."""
        key = text.strip().lower()
        if key not in self._names:
            self._names[key] = self._name_index.find(key)
        return self._names[key]

    # Factors

    def factor(self, table: str, form_key: str, per_day: Fraction | None = None) -> Factor | None:
        """The factor for a form, in the band of the daily dose where the table has bands.

        None: the table does not know the form (or the dose is needed to choose the band and is not given).
        """
        bands = self._factors.get((table, form_key), ())
        if len(bands) == 1:
            return bands[0]
        if per_day is None:
            return None
        for band in bands:
            if (band.above is None or per_day > band.above) and (band.up_to is None or per_day <= band.up_to):
                return band
        return bands[0] if bands and per_day == 0 else None

    @cached_property
    def factor_tables(self) -> tuple[str, ...]:
        """The ids of the factor tables."""
        return tuple(sorted({table for table, _ in self._factors}))

    # Conditions, observations, documents

    def condition_groups(self, system: str, code: str) -> frozenset[str]:
        """Groups such as "active_cancer" and, more exactly, "active_cancer:remission"."""
        own = self._site.conditions.get((system, code))
        if own is not None:
            return own
        where = systems.canonical(system)
        key = code.strip().upper() if where == systems.ICD10 else code.strip()
        if where == systems.ICD10 and len(key) > 3 and "." not in key:
            key = f"{key[:3]}.{key[3:]}"
        return self._conditions.get((where, key), frozenset())

    def observation_elements(self, system: str, code: str) -> frozenset[str]:
        """Elements such as "peg_mean_score", "pdmp_review", "udt_result:oxycodone" with "method:screen"."""
        own = self._site.observations.get((system, code))
        if own is not None:
            return own
        return self._observations.get((systems.canonical(system), code.strip()), frozenset())

    def is_agreement_title(self, title: str) -> bool:
        """Whether a document's title is one the site uses for opioid agreements."""
        lowered = title.lower()
        return any(phrase in lowered for phrase in self._site.document_titles)

    # Tables

    @cached_property
    def _drugs(self) -> dict[str, Drug]:
        classes: dict[str, set[str]] = {}
        others: dict[str, tuple[str, str, str]] = {}
        for code, name_of_class, tty, name, ingredient, _ in self._tables.rows("classes.csv"):
            classes.setdefault(code, set()).add(name_of_class)
            others[code] = (tty, name, ingredient)
        found: dict[str, Drug] = {}
        for row in self._tables.rows("opioids.csv"):
            (
                code,
                tty,
                name,
                ingredient,
                strength,
                unit,
                form,
                route,
                release,
                category,
                counted,
                form_key,
                _,
            ) = row
            amount, amount_unit = _strength(strength, unit, route)
            found[code] = Drug(
                code, tty, name, ingredient or None, amount, amount_unit, (), form, route, release, category,
                counted, form_key or None, frozenset({"opioid", *classes.get(code, ())}),
            )  # fmt: skip
        for code, (tty, name, ingredient) in others.items():
            if code not in found:
                found[code] = Drug(
                    code, tty, name, ingredient.lower() or None, classes=frozenset(classes[code])
                )
        return found

    @cached_property
    def _components(self) -> dict[str, tuple[Ingredient, ...]]:
        found: dict[str, list[Ingredient]] = {}
        for code, _, name, amount, unit, opioid in self._tables.rows("components.csv"):
            found.setdefault(code, []).append(Ingredient(name, _number(amount), unit, opioid == "yes"))
        return {code: tuple(parts) for code, parts in found.items()}

    def components(self, code: str) -> tuple[Ingredient, ...]:
        """All active ingredients of an RxNorm product with their amounts."""
        return self._components.get(code, ())

    @cached_property
    def _ndc(self) -> dict[str, Drug]:
        found: dict[str, Drug] = {}
        for ndc, code, ingredient, form, strength, unit, form_key, _ in self._tables.rows("ndc.csv"):
            known = self._drugs.get(code)
            if known is not None:
                found[ndc] = known
                continue
            if form_key.startswith("class:"):
                found[ndc] = Drug(ndc, "NDC", ingredient, ingredient, classes=frozenset({form_key[6:]}))
                continue
            found[ndc] = _ndc_opioid(ndc, ingredient, form, strength, unit)
        return found

    @cached_property
    def _factors(self) -> dict[tuple[str, str], tuple[Factor, ...]]:
        found: dict[tuple[str, str], list[Factor]] = {}
        for row in self._tables.rows("factors.csv"):
            table, variant, ingredient, form_key, unit, basis, above, up_to, factor, status, source = row
            # A second variant is an alternative for claims research, not another band.
            if variant != "default":
                continue
            worn = _WORN_DAYS.get(basis)
            if worn is None:
                raise ValueSetError(f"factors.csv: unknown basis {basis}. Install the release again.")
            per_dose = _number(factor)
            found.setdefault((table, form_key), []).append(
                Factor(table, ingredient, form_key, per_dose / worn if per_dose is not None else None, unit, status,
                       source, _number(above), _number(up_to))
            )  # fmt: skip
        return {key: tuple(bands) for key, bands in found.items()}

    @cached_property
    def _conditions(self) -> dict[tuple[str, str], frozenset[str]]:
        found: dict[tuple[str, str], set[str]] = {}
        for name in ("conditions.csv", "conditions_snomed.csv"):
            for group, subgroup, system, code, _, _ in self._tables.rows(name):
                words = found.setdefault((system, code), set())
                words.add(group)
                if subgroup:
                    words.add(f"{group}:{subgroup}")
        return {key: frozenset(words) for key, words in found.items()}

    @cached_property
    def _observations(self) -> dict[tuple[str, str], frozenset[str]]:
        found: dict[tuple[str, str], set[str]] = {}
        for name in ("observations.csv", "observations_snomed.csv"):
            for element, system, code, _, kind, method, _ in self._tables.rows(name):
                words = found.setdefault((systems.canonical(system), code), set())
                words.add(element)
                if element.startswith("udt_"):
                    words.add("udt")
                    words.update(
                        f"{label}:{value}" for label, value in (("type", kind), ("method", method)) if value
                    )
        return {key: frozenset(words) for key, words in found.items()}

    @cached_property
    def _name_index(self) -> NameIndex:
        return NameIndex(self._drugs.values())


def _strength(text: str, unit: str, route: str) -> tuple[Fraction | None, str | None]:
    """RxNorm writes patches in mg per hour; labels, orders and factors use micrograms per hour."""
    if not text:
        return None, None
    if unit == "mg/h" or (route == "transdermal" and unit == "mg/h"):
        return Fraction(text) * 1000, "mcg/h"
    return Fraction(text), unit


def _ndc_opioid(ndc: str, ingredient: str, form: str, strength: str, unit: str) -> Drug:
    """An opioid known by NDC only.  Its form decides the factor where the form leaves no doubt."""
    lowered = form.lower()
    route = "transdermal" if "patch" in lowered or "transdermal" in lowered else ""
    if not route and any(
        word in lowered for word in ("tablet", "capsule", "solution", "liquid", "syrup", "elixir")
    ):
        route = "oral"
    per = unit.lower().replace("mg/ml", "mg/mL").replace("mcg/hr", "mcg/h")
    base = ingredient.split("/", maxsplit=1)[0].strip()
    oral_key = f"{base}|{route}" if route and base not in {"buprenorphine", "fentanyl"} else None
    key = "fentanyl|transdermal" if (base, route) == ("fentanyl", "transdermal") else oral_key
    return Drug(
        ndc, "NDC", ingredient, base, _number(strength), per, (), form, route, "", "full_agonist_analgesic",
        "yes" if key else "review", key, frozenset({"opioid"}),
    )  # fmt: skip


def _ndc11(text: str) -> tuple[str, ...]:
    """The 11-digit forms a written NDC can mean; 10 digits without hyphens are ambiguous and tried in turn."""
    parts = text.strip().split("-")
    if len(parts) == 3 and all(part.isdigit() for part in parts):
        return (parts[0].zfill(5) + parts[1].zfill(4) + parts[2].zfill(2),)
    digits = "".join(parts)
    if not digits.isdigit():
        return ()
    if len(digits) == 11:
        return (digits,)
    if len(digits) == 10:
        return ("0" + digits, digits[:5] + "0" + digits[5:], digits[:9] + "0" + digits[9:])
    return ()
