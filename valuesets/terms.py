"""Look-ups over the terminology.  Each table is read when it is first needed, and every answer is immutable."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from functools import cached_property, lru_cache

from valuesets.model import Drug, Factor, NamedDrug
from valuesets.names import NameIndex
from valuesets.products import RowSource, drug_of_ndc, number, read_drugs
from valuesets.site import KnownWords, SiteCodes, with_test
from valuesets.systems import RXNORM, canonical, canonical_code

MAX_CHARACTERS = 600


class Terms:
    """What codes mean.  versions: what is loaded, by name; version: one short text for all of it."""

    def __init__(self, tables: RowSource, site: SiteCodes, versions: Mapping[str, str]) -> None:
        self._tables, self._site = tables, site
        self.versions = dict(versions)
        self.version = versions["valuesets"] + ("" if versions["snomed"] == "included" else "-no-snomed")
        if site.version:
            self.version += f"+site.{site.version[:6]}"

    # Drugs

    def drug(self, code: str, system: str = RXNORM) -> Drug | None:
        """The drug an RxNorm code, or a site's own code, stands for; None when it is not one we track."""
        where, key = canonical_code(system, code)
        own = self._site.drugs.get((where, key))
        if own is not None:
            return own
        return self._drugs.get(key) if where == RXNORM else None

    def drug_by_ndc(self, ndc: str) -> Drug | None:
        """The product behind a National Drug Code, with or without hyphens, of 10 or 11 digits.

        Ten digits without hyphens can mean several codes; they are read when only one product fits.
        """
        rows = [self._ndc[code] for code in _ndc11(ndc) if code in self._ndc]
        found = {drug_of_ndc(row, self._drugs) for row in rows}
        return found.pop() if len(found) == 1 else None

    def drug_by_name(self, text: str) -> NamedDrug | None:
        """The tracked drug a free text names, if any: last resort, for orders without a usable code."""
        return self._by_name(text.strip().lower()[:MAX_CHARACTERS])

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

    def knows_factor(self, table: str, form_key: str) -> bool:
        """Whether the table has a row for the form, be it to say that there is no factor."""
        return (table, form_key) in self._factors

    def counted_drugs(self) -> list[Drug]:
        """The RxNorm products whose dose counts, or may count, towards MME."""
        return [drug for drug in self._drugs.values() if drug.counted in {"yes", "review"}]

    def ndc_codes(self) -> tuple[str, ...]:
        """Every National Drug Code known, in eleven digits."""
        return tuple(self._ndc)

    @cached_property
    def factor_tables(self) -> tuple[str, ...]:
        """The ids of the factor tables."""
        return tuple(sorted({table for table, _ in self._factors}))

    # Conditions, observations, documents

    def condition_groups(self, system: str, code: str) -> frozenset[str]:
        """Groups such as "active_cancer" and, more exactly, "active_cancer:remission"."""
        key = canonical_code(system, code)
        own = self._site.conditions.get(key)
        return own if own is not None else self._conditions.get(key, frozenset())

    def observation_elements(self, system: str, code: str) -> frozenset[str]:
        """Elements such as "peg_mean_score", "pdmp_review", "udt_result:oxycodone" with "method:screen"."""
        key = canonical_code(system, code)
        own = self._site.observations.get(key)
        return own if own is not None else self._observations.get(key, frozenset()) if key[1] else frozenset()

    def is_agreement_title(self, title: str) -> bool:
        """Whether a document's title is one the site uses for opioid agreements."""
        lowered = title.lower()
        return any(phrase in lowered for phrase in self._site.document_titles)

    def known_words(self) -> KnownWords:
        """The words a site's own codes may stand for."""
        return KnownWords(
            form_keys={key for _, key in self._factors},
            groups={group for groups in self._conditions.values() for group in groups},
            elements={element for elements in self._observations.values() for element in elements},
            classes={"opioid"}.union(*(drug.classes for drug in self._drugs.values())),
        )

    # Tables

    @cached_property
    def _drugs(self) -> dict[str, Drug]:
        return read_drugs(self._tables)

    @cached_property
    def _ndc(self) -> dict[str, list[str]]:
        return {row[0]: row for row in self._tables.rows("ndc.csv")}

    @cached_property
    def _factors(self) -> dict[tuple[str, str], tuple[Factor, ...]]:
        found: dict[tuple[str, str], list[Factor]] = {}
        for row in self._tables.rows("factors.csv"):
            table, ingredient, form_key, unit, above, up_to, factor, status, source = row
            found.setdefault((table, form_key), []).append(
                Factor(table, ingredient, form_key, number(factor), unit, status, source, number(above),
                       number(up_to))
            )  # fmt: skip
        return {key: tuple(bands) for key, bands in found.items()}

    @cached_property
    def _conditions(self) -> dict[tuple[str, str], frozenset[str]]:
        found: dict[tuple[str, str], set[str]] = {}
        for name in ("conditions.csv", "conditions_snomed.csv"):
            for group, subgroup, system, code, display, _ in self._tables.rows(name):
                words = found.setdefault((system, code), set())
                words.add(group)
                if subgroup:
                    words.add(f"{group}:{subgroup}")
                # What the code's own name says of a disorder, whatever else it is grouped by.
                if "in remission" in display:
                    words.add(f"{group}:remission")
                if display.endswith((" use, unspecified", " use, unspecified, uncomplicated")):
                    words.add(f"{group}:use_unspecified")
        return {key: frozenset(words) for key, words in found.items()}

    @cached_property
    def _observations(self) -> dict[tuple[str, str], frozenset[str]]:
        found: dict[tuple[str, str], set[str]] = {}
        for name in ("observations.csv", "observations_snomed.csv"):
            # A row without a code names an element that only sites have codes for.
            for element, system, code, _, kind, method, _ in self._tables.rows(name):
                words = found.setdefault((canonical(system), code), set())
                own = with_test(frozenset({element}))
                words.update(own)
                if "udt" in own:
                    words.update(
                        f"{label}:{value}" for label, value in (("type", kind), ("method", method)) if value
                    )
        return {key: frozenset(words) for key, words in found.items()}

    @cached_property
    def _by_name(self) -> Callable[[str], NamedDrug | None]:
        return lru_cache(maxsize=20_000)(NameIndex(self._drugs.values()).find)


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
