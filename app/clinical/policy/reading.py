"""Reading a policy text.

A setting is written bare or as `{ value = 70, source = "..." }`; a setting left out keeps the default pack's
value; an unknown name or a wrong value is refused with the name of the field.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import fields
from datetime import date
from decimal import Decimal
from fractions import Fraction
from types import MappingProxyType
from typing import cast

from app.clinical.policy.model import (
    DEFAULT_INTERVALS,
    DEFINITIONS,
    EXCLUSION_KINDS,
    TIERS,
    GapPolicy,
    Interval,
    LtotPolicy,
    MmePolicy,
    Policy,
    PolicyError,
    default_gaps,
)


class _Reader:
    """Takes settings out of parsed TOML; remembers their sources and refuses what is left over."""

    def __init__(self) -> None:
        self.sources: dict[str, str] = {}

    def table(self, parent: dict[str, object], name: str, path: str) -> dict[str, object]:
        found = parent.pop(name, {})
        if not isinstance(found, dict):
            raise PolicyError(f"{path} must be a table, not {found!r}.")
        return cast("dict[str, object]", found)

    def value(self, table: dict[str, object], name: str, path: str) -> object | None:
        """The bare value of a setting; its source, when given, is kept."""
        found = table.pop(name, None)
        if not isinstance(found, dict):
            return found
        boxed = dict(cast("dict[str, object]", found))
        value = boxed.pop("value", None)
        if value is None:
            raise PolicyError(f"{path} has no value.")
        self.keep_source(boxed, path)
        self.finished(boxed, path)
        return value

    def keep_source(self, table: dict[str, object], path: str) -> None:
        source = table.pop("source", None)
        if source is None:
            return
        if not isinstance(source, str):
            raise PolicyError(f"{path}.source must be text, not {source!r}.")
        self.sources[path] = source

    def finished(self, table: Mapping[str, object], path: str) -> None:
        if table:
            raise PolicyError(f"{path + '.' if path else ''}{min(table)} is not a setting of the policy.")


def parse_policy(text: str) -> Policy:
    """The policy in a TOML text.  Raises PolicyError naming the first wrong field."""
    try:
        raw = cast("dict[str, object]", tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise PolicyError(f"The policy is not TOML: {error}.") from None
    reader = _Reader()
    policy = Policy(
        id=_text(reader, raw, "id", "id"),
        version=_text(reader, raw, "version", "version"),
        title=_text(reader, raw, "title", "title", required=False),
        mme=_mme(reader, reader.table(raw, "mme", "mme")),
        ltot=_ltot(reader, reader.table(raw, "ltot", "ltot")),
        exclusions=_exclusions(reader, reader.table(raw, "exclusions", "exclusions")),
        intervals=_intervals(reader, reader.table(raw, "intervals", "intervals")),
        gaps=_gaps(reader, reader.table(raw, "gaps", "gaps")),
        due_soon_days=_whole(reader, raw, "due_soon_days", "due_soon_days", Policy().due_soon_days),
        grace_days=_whole(reader, raw, "grace_days", "grace_days", Policy().grace_days),
        sources=MappingProxyType(reader.sources),
    )
    reader.finished(raw, "")
    return policy


def _text(
    reader: _Reader,
    table: dict[str, object],
    name: str,
    path: str,
    *,
    required: bool = True,
    default: str = "",
) -> str:
    found = reader.value(table, name, path)
    if found is None and not required:
        return default
    if not isinstance(found, str) or not found.strip():
        raise PolicyError(f"{path} must be text, not {found!r}.")
    return found


def _whole(
    reader: _Reader, table: dict[str, object], name: str, path: str, default: int, *, least: int = 0
) -> int:
    found = reader.value(table, name, path)
    if found is None:
        return default
    if isinstance(found, bool) or not isinstance(found, int) or found < least:
        raise PolicyError(f"{path} must be a whole number of at least {least}, not {found!r}.")
    return found


def _flag(reader: _Reader, table: dict[str, object], name: str, path: str, *, default: bool) -> bool:
    found = reader.value(table, name, path)
    if found is None:
        return default
    if not isinstance(found, bool):
        raise PolicyError(f"{path} must be true or false, not {found!r}.")
    return found


def _mme(reader: _Reader, table: dict[str, object]) -> MmePolicy:
    usual = MmePolicy()
    thresholds = reader.value(table, "thresholds", "mme.thresholds")
    tolerance = reader.value(table, "quantity_sig_tolerance", "mme.quantity_sig_tolerance")
    found = MmePolicy(
        factor_table=_text(
            reader, table, "factor_table", "mme.factor_table", required=False, default=usual.factor_table
        ),
        thresholds=usual.thresholds if thresholds is None else _thresholds(thresholds),
        quantity_sig_tolerance=usual.quantity_sig_tolerance if tolerance is None else _share(tolerance),
        stale_after_days=_whole(
            reader, table, "stale_after_days", "mme.stale_after_days", usual.stale_after_days, least=1
        ),
        legacy_factors=_flag(
            reader, table, "legacy_factors", "mme.legacy_factors", default=usual.legacy_factors
        ),
    )
    reader.finished(table, "mme")
    return found


def _thresholds(found: object) -> tuple[int, ...]:
    wrong = PolicyError(
        f"mme.thresholds must be at least two whole numbers above 0, ascending, not {found!r}."
    )
    if not isinstance(found, list):
        raise wrong
    numbers: list[int] = []
    for item in cast("list[object]", found):
        if isinstance(item, bool) or not isinstance(item, int) or item <= (numbers[-1] if numbers else 0):
            raise wrong
        numbers.append(item)
    if len(numbers) < 2:
        raise wrong
    return tuple(numbers)


def _share(found: object) -> Fraction:
    if isinstance(found, bool) or not isinstance(found, (int, float)) or not 0 <= found <= 1:
        raise PolicyError(f"mme.quantity_sig_tolerance must be a number from 0 to 1, not {found!r}.")
    return Fraction(Decimal(str(found)))


def _ltot(reader: _Reader, table: dict[str, object]) -> LtotPolicy:
    usual = LtotPolicy()
    definition = _text(
        reader, table, "definition", "ltot.definition", required=False, default=usual.definition
    )
    if definition not in DEFINITIONS:
        raise PolicyError(f"ltot.definition must be one of {', '.join(DEFINITIONS)}, not {definition!r}.")
    days: dict[str, int] = {}
    for one in fields(LtotPolicy):
        if one.name != "definition":
            least = 0 if one.name == "carry_cap_days" else 1
            default = cast("int", getattr(usual, one.name))
            days[one.name] = _whole(reader, table, one.name, f"ltot.{one.name}", default, least=least)
    reader.finished(table, "ltot")
    if days["min_covered_days"] > days["window_days"]:
        raise PolicyError("ltot.min_covered_days must not be more than ltot.window_days.")
    if days["exit_days"] < days["lapse_days"]:
        raise PolicyError("ltot.exit_days must not be less than ltot.lapse_days.")
    return LtotPolicy(definition=definition, **days)


def _exclusions(reader: _Reader, table: dict[str, object]) -> Mapping[str, bool]:
    found = {kind: _flag(reader, table, kind, f"exclusions.{kind}", default=True) for kind in EXCLUSION_KINDS}
    reader.finished(table, "exclusions")
    return MappingProxyType(found)


def _intervals(reader: _Reader, table: dict[str, object]) -> Mapping[str, Interval]:
    found = dict(DEFAULT_INTERVALS)
    for activity in sorted(set(table) & set(found)):
        path = f"intervals.{activity}"
        row = dict(reader.table(table, activity, path))
        reader.keep_source(row, path)
        low, moderate, high = (_months(row, tier, path) for tier in TIERS)
        reader.finished(row, path)
        found[activity] = Interval(low, moderate, high)
    reader.finished(table, "intervals")
    return MappingProxyType(found)


def _months(row: dict[str, object], tier: str, path: str) -> int | None:
    found = row.pop(tier, None)
    if found == "off":
        return None
    if isinstance(found, bool) or not isinstance(found, int) or found < 1:
        raise PolicyError(f'{path}.{tier} must be months (at least 1) or "off", not {found!r}.')
    return found


def _gaps(reader: _Reader, table: dict[str, object]) -> Mapping[str, GapPolicy]:
    found = dict(default_gaps())
    for gap in sorted(set(table) & set(found)):
        path = f"gaps.{gap}"
        row = dict(reader.table(table, gap, path))
        reader.keep_source(row, path)
        enabled = _flag(reader, row, "enabled", f"{path}.enabled", default=found[gap].enabled)
        start = reader.value(row, "from_date", f"{path}.from_date")
        if start is not None and type(start) is not date:
            raise PolicyError(f"{path}.from_date must be a date, not {start!r}.")
        numbers = {
            name: _whole(reader, row, name, f"{path}.{name}", usual)
            for name, usual in found[gap].numbers.items()
        }
        reader.finished(row, path)
        found[gap] = GapPolicy(enabled, start, MappingProxyType(numbers))
    reader.finished(table, "gaps")
    return MappingProxyType(found)
