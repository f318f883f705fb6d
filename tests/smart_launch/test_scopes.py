"""Scopes are asked for in the registration's syntax, and grants in either syntax are understood."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smart_launch.scopes import Compartment, ScopeStyle, compare_scopes, parse_scope, read_scopes


def test_scopes_name_types_one_by_one_in_the_syntax_asked() -> None:
    types = ["Patient", "Observation", "Patient"]
    assert read_scopes(types, Compartment.PATIENT, ScopeStyle.V2) == (
        "patient/Observation.rs",
        "patient/Patient.rs",
    )
    assert read_scopes(types, Compartment.SYSTEM, ScopeStyle.V1) == (
        "system/Observation.read",
        "system/Patient.read",
    )


@pytest.mark.parametrize(
    ("text", "letters"),
    [
        ("patient/Observation.rs", "rs"),
        ("patient/Observation.cruds", "cruds"),
        ("user/Observation.read", "rs"),
        ("user/Binary.Read", "rs"),
        ("user/Observation.write", "cud"),
        ("system/*.*", "cruds"),
        ("patient/Observation.rs?category=http://x|laboratory", "rs"),
    ],
)
def test_both_syntaxes_are_understood(text: str, letters: str) -> None:
    scope = parse_scope(text)
    assert scope is not None
    assert scope.letters == set(letters)


@pytest.mark.parametrize(
    "text",
    ["launch", "openid", "patient/Observation.sr", "patient/Observation.dus", "patient/Observation.rx",
     "patient/Observation.", "patient/.rs", "Patient/Observation.rs", "patient/Observation.rs ",
     "patient/A.rss"],
)  # fmt: skip
def test_context_scopes_and_malformed_ones_grant_no_data(text: str) -> None:
    assert parse_scope(text) is None


@pytest.mark.parametrize(
    ("granted", "missing", "narrowed"),
    [
        ("patient/Observation.rs launch", [], []),
        ("patient/Observation.read launch", [], []),
        ("patient/*.rs launch", [], []),
        ("patient/Observation.r patient/Observation.s launch", [], []),
        ("patient/Observation.cruds launch", [], []),
        ("patient/Observation.r launch", ["patient/Observation.rs"], ["patient/Observation.rs"]),
        (
            "patient/Observation.rs?category=vital-signs launch",
            ["patient/Observation.rs"],
            ["patient/Observation.rs"],
        ),
        ("patient/Observation.dus launch", ["patient/Observation.rs"], []),
        ("user/Observation.rs launch", ["patient/Observation.rs"], []),
        ("patient/Condition.rs launch", ["patient/Observation.rs"], []),
        ("patient/Observation.rs", ["launch"], []),
        ("", ["launch", "patient/Observation.rs"], []),
    ],
)
def test_what_was_asked_and_not_granted_in_full_is_named(
    granted: str, missing: list[str], narrowed: list[str]
) -> None:
    found = compare_scopes(["launch", "patient/Observation.rs"], granted.split())
    assert sorted(found.missing) == sorted(missing)
    assert list(found.narrowed) == narrowed
    assert found.complete is (not missing)


def test_more_than_asked_is_reported() -> None:
    found = compare_scopes(
        ["patient/Observation.rs"],
        ["patient/Observation.r", "patient/Observation.s", "patient/Observation.cruds", "user/*.*", "odd"],
    )
    assert found.extra == ("patient/Observation.cruds", "user/*.*", "odd")


SCOPE = st.builds(
    lambda compartment, resource, letters: f"{compartment}/{resource}.{letters}",
    st.sampled_from(["patient", "user", "system"]),
    st.sampled_from(["Patient", "Observation", "Condition"]),
    st.sets(st.sampled_from("cruds"), min_size=1).map(lambda s: "".join(c for c in "cruds" if c in s)),
)


@given(st.lists(SCOPE), st.lists(SCOPE))
def test_granting_more_never_makes_anything_missing(asked: list[str], more: list[str]) -> None:
    assert compare_scopes(asked, asked + more).missing == ()
    assert compare_scopes(asked, asked).extra == ()
    assert set(compare_scopes(asked, more).missing) <= set(asked)
