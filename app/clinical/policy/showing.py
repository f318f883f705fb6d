"""Showing a policy: `ltot policy show`."""

from __future__ import annotations

from dataclasses import fields
from decimal import Decimal
from fractions import Fraction
from typing import cast

from app.clinical.policy.model import TIERS, Policy


def policy_text(policy: Policy) -> str:
    """The effective policy as lines of text: each setting, its value, and where the value comes from."""
    rows: list[tuple[str, str]] = [
        ("due_soon_days", str(policy.due_soon_days)),
        ("grace_days", str(policy.grace_days)),
    ]
    for part, settings in (("mme", policy.mme), ("ltot", policy.ltot)):
        rows += [(f"{part}.{one.name}", _shown(getattr(settings, one.name))) for one in fields(settings)]
    rows += [(f"exclusions.{kind}", _shown(value)) for kind, value in policy.exclusions.items()]
    for activity, every in policy.intervals.items():
        months = [f"{tier} {_shown(every.months(tier))}" for tier in TIERS]
        rows.append((f"intervals.{activity}", f"{', '.join(months)} (months)"))
    for gap, rule in policy.gaps.items():
        state = "on" if rule.enabled else "off"
        rows.append(
            (f"gaps.{gap}", f"{state}, from {rule.from_date.isoformat()}" if rule.from_date else state)
        )
        rows += [(f"gaps.{gap}.{name}", str(number)) for name, number in rule.numbers.items()]
    title = f": {policy.title}" if policy.title else ""
    lines = [f"Policy {policy.label}{title}"]
    for setting, value in rows:
        whole_rule = setting.rpartition(".")[0]
        source = policy.sources.get(setting) or policy.sources.get(whole_rule, "default pack")
        lines.append(f"{setting} = {value}    [{source}]")
    return "\n".join(lines)


def _shown(value: object) -> str:
    if value is None:
        return "off"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return ", ".join(str(item) for item in cast("tuple[object, ...]", value))
    if isinstance(value, Fraction):
        return f"{Decimal(value.numerator) / Decimal(value.denominator):f}"
    return str(value)
