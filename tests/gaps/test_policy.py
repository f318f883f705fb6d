"""A policy is what the clinic decided: typed, checked with the field's name, and shown with its sources."""

import tomllib
from dataclasses import replace
from datetime import date
from fractions import Fraction
from pathlib import Path

import pytest

from app.clinical.gaps import RULES
from app.clinical.gaps.case import apply
from app.clinical.policy import Policy, PolicyError, parse_policy, policy_text
from tests.gaps.build import case, event
from tests.gaps.spec import BY_ID

POLICIES = sorted((Path(__file__).resolve().parents[2] / "app/policies").glob("*.toml"))
HEAD = 'id = "ours"\nversion = "3"\n'


def default() -> Policy:
    return parse_policy(next(p for p in POLICIES if p.stem == "default").read_text())


@pytest.mark.parametrize("path", POLICIES, ids=lambda path: path.stem)
def test_shipped_policies_can_be_read_and_name_a_source_for_everything_they_set(path: Path) -> None:
    policy = parse_policy(path.read_text())
    assert policy.id == path.stem
    shown = policy_text(policy)
    for line in shown.splitlines()[1:]:
        assert line.endswith("]")
    raw = tomllib.loads(path.read_text())
    for part in ("mme", "ltot", "exclusions", "intervals"):
        for name in raw.get(part, {}):
            assert policy.sources.get(f"{part}.{name}"), f"{part}.{name}"
    for gap in raw.get("gaps", {}):
        assert policy.sources.get(f"gaps.{gap}"), gap


def test_the_default_file_is_the_default_pack_to_the_last_number() -> None:
    assert replace(default(), sources={}, title="") == replace(Policy(), sources={})
    assert "[default pack]" not in policy_text(default())


def test_every_rule_can_be_set_and_every_setting_has_a_rule() -> None:
    assert {rule.id for rule in RULES} == set(Policy().gaps)


def test_default_numbers_are_the_ones_documented() -> None:
    policy = default()
    assert policy.mme.thresholds == (50, 90)
    assert policy.mme.factor_table == "cdc-2022"
    assert (policy.ltot.min_covered_days, policy.ltot.window_days) == (70, 90)
    assert (policy.ltot.lapse_days, policy.ltot.exit_days) == (30, 60)
    tiers = ("low", "moderate", "high", "unknown")
    assert [policy.intervals["visit"].months(tier) for tier in tiers] == [12, 6, 3, 6]
    assert [policy.intervals["pdmp"].months(tier) for tier in tiers] == [6, 3, 3, 3]
    assert [policy.intervals["udt"].months(tier) for tier in tiers] == [12, 6, 4, 6]


def test_a_clinic_names_only_what_differs() -> None:
    policy = parse_policy(
        HEAD + 'due_soon_days = 14\n[mme]\nthresholds = { value = [50, 90, 120], source = "house rule" }\n'
        "quantity_sig_tolerance = 0.1\n[gaps.G13]\nlookback_months = 12\nfrom_date = 2025-07-01\n"
    )
    assert policy.label == "ours 3"
    assert policy.due_soon_days == 14
    assert policy.mme.thresholds == (50, 90, 120)
    assert policy.mme.quantity_sig_tolerance == Fraction(1, 10)
    assert policy.number("G13", "lookback_months") == 12
    assert policy.number("G13", "at") == 50
    assert policy.gaps["G13"].from_date == date(2025, 7, 1)
    assert policy.intervals == Policy().intervals
    assert "mme.thresholds = 50, 90, 120    [house rule]" in policy_text(policy)
    assert "gaps.G13 = on, from 2025-07-01" in policy_text(policy)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("id = 3", "id must be text"),
        ('id = "x"', "version must be text"),
        (HEAD + "[mme]\ntresholds = [50, 90]", "mme.tresholds is not a setting"),
        (HEAD + "[mme]\nthresholds = [90, 50]", "mme.thresholds must be"),
        (HEAD + "[mme]\nthresholds = [50]", "mme.thresholds must be"),
        (HEAD + "[mme]\nthresholds = 50", "mme.thresholds must be"),
        (HEAD + "[mme]\nquantity_sig_tolerance = 20", "mme.quantity_sig_tolerance must be a number from 0 to 1"),
        (HEAD + "[mme]\nlegacy_factors = 1", "mme.legacy_factors must be true or false"),
        (HEAD + "[ltot]\ndefinition = 'D99'", "ltot.definition must be one of D0"),
        (HEAD + "[ltot]\nmin_covered_days = 100", "ltot.min_covered_days must not be more than ltot.window_days"),
        (HEAD + "[ltot]\nexit_days = 5", "ltot.exit_days must not be less than"),
        (HEAD + "[ltot]\nwindow_days = { value = '90' }", "ltot.window_days must be a whole number"),
        (HEAD + "[ltot]\nwindow_days = { source = 'x' }", "ltot.window_days has no value"),
        (HEAD + "[ltot]\nwindow_days = { value = 90, note = 'x' }", "ltot.window_days.note is not a setting"),
        (HEAD + "[ltot]\nwindow_days = { value = 90, source = 1 }", "ltot.window_days.source must be text"),
        (HEAD + "[exclusions]\nmoon = true", "exclusions.moon is not a setting"),
        (HEAD + "[intervals.visit]\nlow = 12\nmoderate = 6", "intervals.visit.high must be months"),
        (HEAD + "[intervals.visit]\nlow = 0\nmoderate = 6\nhigh = 3", "intervals.visit.low must be months"),
        (HEAD + "[intervals]\nvisit = 3", "intervals.visit must be a table"),
        (HEAD + "[gaps.G99]\nenabled = true", "gaps.G99 is not a setting"),
        (HEAD + "[gaps.G13]\nlookback = 3", "gaps.G13.lookback is not a setting"),
        (HEAD + "[gaps.G13]\nenabled = 'no'", "gaps.G13.enabled must be true or false"),
        (HEAD + "[gaps.G13]\nfrom_date = 'soon'", "gaps.G13.from_date must be a date"),
        (HEAD + "[gaps.G13]\nfrom_date = 2025-01-01T10:00:00", "gaps.G13.from_date must be a date"),
        (HEAD + "colour = 'red'", "colour is not a setting"),
        ("id = ", "The policy is not TOML"),
    ],
)  # fmt: skip
def test_a_wrong_field_is_refused_by_name(text: str, named: str) -> None:
    with pytest.raises(PolicyError) as error:
        parse_policy(text)
    assert str(error.value).startswith(named)
    assert str(error.value).endswith(".")


def test_a_rule_that_is_off_or_not_yet_begun_says_nothing() -> None:
    off = parse_policy(HEAD + "[gaps.G01]\nenabled = false")
    later = parse_policy(HEAD + "[gaps.G01]\nfrom_date = 2025-06-16")
    today = parse_policy(HEAD + "[gaps.G01]\nfrom_date = 2025-06-15")
    assert apply(BY_ID["G01"], case(policy=off)) is None
    assert apply(BY_ID["G01"], case(policy=later)) is None
    assert apply(BY_ID["G01"], case(policy=today)) is not None


def test_intervals_of_the_policy_decide_when_something_is_due() -> None:
    monthly = parse_policy(HEAD + "[intervals.pdmp]\nlow = 'off'\nmoderate = 1\nhigh = 1")
    checked = event("pdmp_review", "2025-05-20", outcome="as expected")
    found = apply(BY_ID["G01"], case(checked, policy=monthly))
    assert found is not None
    assert found.due == date(2025, 6, 20)
    assert "every 1 month at moderate" in found.rule
    off = apply(BY_ID["G01"], case(tier="low", policy=monthly))
    assert off is not None
    assert off.text == "Not asked for at low risk"


def test_an_exclusion_that_is_off_excludes_nobody() -> None:
    from tests.gaps.build import problem

    policy = parse_policy(HEAD + "[exclusions]\nsickle_cell = false")
    found = apply(BY_ID["G16"], case(problem("sickle_cell_disease"), mme=95, policy=policy))
    assert found is not None
    assert found.status == "overdue"
