"""`ltot register`: what to enter, in the vendor's own field names, and why each permission is asked for."""

import json

import pytest

from app.ehr.vendors import panel_scopes, vendor_profile
from smart_launch.scopes import ScopeStyle
from tests.setup.conftest import BASE, Ltot

VENDORS = ("epic", "oracle", "generic")
FORM_FIELDS = {
    "epic": ("Application Audience", "Endpoint URI", "Is Confidential Client", "SMART Scope Version"),
    "oracle": ("Application Type", "SMART Launch URI", "Redirect URI", "Type of Access"),
    "generic": ("Launch URL", "Redirect URI", "JWKS URL", "PKCE"),
}


@pytest.mark.parametrize("vendor", VENDORS)
def test_worksheet_uses_the_vendor_forms_field_names_and_our_addresses(ltot: Ltot, vendor: str) -> None:
    ran = ltot("register", vendor, "--url", f"{BASE}/", "--tenant", "north")
    assert ran.exit_code == 0
    for field in FORM_FIELDS[vendor]:
        assert f"\n{field}: " in ran.out
    for address in ("/callback", "/jwks/north"):
        assert f"{BASE}{address}\n" in ran.out
    assert f"{BASE}/launch" in ran.out
    for command in ("ltot tenant add --id north", "ltot keys new north", "ltot doctor north"):
        assert command in ran.out
    assert "{" not in ran.out


@pytest.mark.parametrize("vendor", VENDORS)
def test_every_permission_has_its_reason(ltot: Ltot, vendor: str) -> None:
    sheet = json.loads(ltot("register", vendor, "--url", BASE, "--json").out)
    for record in sheet["records"]:
        names = [permission["name"] for permission in record["permissions"]]
        assert len(names) == len(set(names))
        assert all(permission["why"] for permission in record["permissions"])
        assert not any("*" in name or ".c" in name or "write" in name for name in names)


def test_launch_asks_for_what_is_needed_and_nothing_that_lasts(ltot: Ltot) -> None:
    sheet = json.loads(ltot("register", "epic", "--url", BASE, "--json").out)
    names = {permission["name"] for permission in sheet["records"][0]["permissions"]}
    assert {"launch", "openid", "fhirUser", "user/Patient.rs", "user/MedicationRequest.rs"} <= names
    assert "offline_access" not in names
    assert "MedicationRequest.Search (Signed Medication Order)" in names


@pytest.mark.parametrize(("vendor", "asked"), [("epic", False), ("oracle", True), ("generic", True)])
def test_access_while_the_user_is_signed_in_is_asked_where_the_vendor_has_it(
    ltot: Ltot, vendor: str, asked: bool
) -> None:
    sheet = json.loads(ltot("register", vendor, "--url", BASE, "--json").out)
    names = {permission["name"] for record in sheet["records"] for permission in record["permissions"]}
    assert ("online_access" in names) is asked
    assert "offline_access" not in names


def test_oracle_is_not_asked_for_a_scope_it_does_not_have(ltot: Ltot) -> None:
    text = ltot("register", "oracle", "--url", BASE).out
    assert "/Medication.rs" not in text


@pytest.mark.parametrize(
    "url", ["http://ltot.example.org", "ltot.example.org", "https://a.example.org?x=1", ""]
)
def test_an_address_that_cannot_be_registered_is_refused(ltot: Ltot, url: str) -> None:
    refused = ltot("register", "epic", "--url", url)
    assert refused.exit_code == 2
    assert "https://ltot.example.org" in refused.err


@pytest.mark.parametrize("vendor", VENDORS)
def test_the_worksheet_asks_for_exactly_what_a_launch_asks_for(ltot: Ltot, vendor: str) -> None:
    sheet = json.loads(ltot("register", vendor, "--url", BASE, "--json").out)
    names = {permission["name"] for permission in sheet["records"][0]["permissions"]}
    asked = set(panel_scopes(vendor_profile(vendor), ScopeStyle.V2))
    assert asked <= names
    assert {name for name in names if "/" in name} <= asked


def test_an_unknown_vendor_is_refused_with_the_known_ones(ltot: Ltot) -> None:
    refused = ltot("register", "cerner", "--url", BASE)
    assert refused.exit_code == 2
    assert "epic, generic, oracle" in refused.err


def test_worksheet_needs_no_settings_and_no_database(ltot: Ltot, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LTOT_BASE_URL", "LTOT_DATABASE_URL", "LTOT_MASTER_KEY"):
        monkeypatch.delenv(name)
    assert ltot("register", "generic", "--url", BASE).exit_code == 0
