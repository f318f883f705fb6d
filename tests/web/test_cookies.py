"""S-01, S-12: one cookie per launch, with every attribute that keeps it to this host and this frame."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.web.cookies import LaunchCookies, attempt_id

SECURE = LaunchCookies()
DEMO = LaunchCookies(secure=False)


def attributes(header: str) -> tuple[str, set[str]]:
    pair, *rest = header.split("; ")
    return pair, set(rest)


def test_cookie_carries_every_attribute() -> None:
    assert attributes(SECURE.header("abc_-1", "v.a-l", 900)) == (
        "__Host-ltot.abc_-1=v.a-l",
        {"Path=/", "Max-Age=900", "HttpOnly", "Secure", "SameSite=None", "Partitioned"},
    )


def test_demo_on_loopback_uses_a_plain_name() -> None:
    assert attributes(DEMO.header("abc", "v", 900)) == (
        "ltot.abc=v",
        {"Path=/", "Max-Age=900", "HttpOnly", "SameSite=Lax"},
    )


def test_clearing_keeps_the_attributes_browsers_match_on() -> None:
    pair, rest = attributes(SECURE.clearing_header("abc"))
    assert pair == "__Host-ltot.abc="
    assert rest == {"Path=/", "Max-Age=0", "HttpOnly", "Secure", "SameSite=None", "Partitioned"}


def test_lifetime_is_never_negative() -> None:
    assert "Max-Age=0;" in SECURE.header("abc", "v", -5)


def test_each_launch_reads_only_its_own() -> None:
    header = "__Host-ltot.a=one; other=x; __Host-ltot.b=two"
    assert SECURE.read(header, "a") == "one"
    assert SECURE.read(header, "b") == "two"
    assert SECURE.read(header, "c") is None
    assert SECURE.read(None, "a") is None


def test_prefix_cannot_be_done_without() -> None:
    assert SECURE.read("ltot.a=forged", "a") is None


def test_two_different_values_are_no_value() -> None:
    assert SECURE.read("__Host-ltot.a=one; __Host-ltot.a=two", "a") is None
    assert SECURE.read("__Host-ltot.a=one; __Host-ltot.a=one", "a") == "one"


@given(st.text())
def test_no_id_and_no_value_can_add_to_the_header(text: str) -> None:
    try:
        header = SECURE.header(text, text, 60)
    except ValueError:
        return
    assert header.count(";") == 6
    assert header.isprintable()


@given(st.text())
def test_reading_any_header_never_raises(header: str) -> None:
    value = SECURE.read(header, "a")
    assert value is None or f"__Host-ltot.a={value}" in header


@pytest.mark.parametrize("launch", ["", "a b", "a;b", "a=b", "a/../b", "é", "x" * 65])
def test_odd_launch_ids_are_refused(launch: str) -> None:
    with pytest.raises(ValueError, match="launch id"):
        SECURE.name(launch)


def test_attempt_cookie_does_not_reveal_the_state() -> None:
    assert attempt_id("state") == attempt_id("state")
    assert attempt_id("state") != attempt_id("other")
    assert "state" not in attempt_id("state")
    assert SECURE.name(attempt_id("state")).startswith("__Host-ltot.a-")
