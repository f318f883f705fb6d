"""The things codes stand for."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True, slots=True)
class Ingredient:
    """One active ingredient of a product: base name and code, amount per dose unit, and whether it is an opioid."""

    name: str
    rxcui: str
    amount: Fraction | None
    unit: str
    is_opioid: bool


@dataclass(frozen=True, slots=True)
class Drug:
    """One RxNorm concept, NDC product or site code.

    tty: RxNorm term type ("SCD", "SBD", "IN" ...), "NDC" or "SITE".  ingredient: the opioid base ingredient, or
    the ingredient of another tracked class.  strength: amount of the opioid per dose unit in strength_unit: "mg",
    "mg/mL", "mcg/h" (patches) or "mg/{actuat}"; None above product level.  form_key joins to the factor tables.
    counted: "yes", "review" (may be for opioid use disorder), "no", or "n/a" (above product level).
    """

    code: str
    tty: str
    name: str
    ingredient: str | None = None
    strength: Fraction | None = None
    strength_unit: str | None = None
    components: tuple[Ingredient, ...] = ()
    dose_form: str = ""
    route: str = ""
    release: str = ""
    category: str = ""
    counted: str = "n/a"
    form_key: str | None = None
    classes: frozenset[str] = frozenset()

    @property
    def beside(self) -> frozenset[str] | None:
        """What a product holds besides opioids; None where that is not known."""
        if not self.components or not self.is_product:
            return None
        return frozenset(part.name for part in self.components if not part.is_opioid)

    @property
    def is_product(self) -> bool:
        """A product has strength and form; ingredients, brands and groups do not."""
        return self.tty in {"SCD", "SBD", "GPCK", "BPCK", "NDC", "SITE"}


@dataclass(frozen=True, slots=True)
class NamedDrug:
    """A drug recognised by its name in free text; `certain` when ingredient and strength are beyond doubt."""

    drug: Drug
    certain: bool


@dataclass(frozen=True, slots=True)
class Factor:
    """MME per unit of daily dose from one table.  factor None: the table gives none; status says why.

    unit: "mg", "mcg" or "mcg/h" of base drug per day.  above, up_to: the daily dose band (above, up_to].
    """

    table: str
    ingredient: str
    form_key: str
    factor: Fraction | None
    unit: str
    status: str
    source: str
    above: Fraction | None = None
    up_to: Fraction | None = None
