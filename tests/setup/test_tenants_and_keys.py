"""`ltot tenant`, `ltot keys` and `ltot audit`: set up without a secret on screen, and wrong input named."""

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from app.jobs.tenants import SetUp
from app.store.audit import AuditEvent, AuditLog
from smart_launch.keys import KeyState
from tests.setup.conftest import ADD, Ltot


def test_an_added_tenant_is_listed_and_shown(ltot: Ltot) -> None:
    added = ltot(
        *ADD, "--vendor", "epic", "--frame-ancestor", "https://ehr.example.org", "--allowed-host", "Auth.example.org",
        "--role", "population=Practitioner/1", "--role", "population=Practitioner/2", "--scope-style", "v1",
    )  # fmt: skip
    assert added.exit_code == 0, added.err
    assert "ltot keys new north" in added.out
    assert "ltot doctor north" in added.out
    assert "north  epic  https://ehr.example.org/fhir/r4  North Clinic" in ltot("tenant", "list").out
    shown = json.loads(ltot("tenant", "show", "north").out)
    assert shown["roles"] == {"population": ["Practitioner/1", "Practitioner/2"]}
    assert shown["allowed_hosts"] == ["auth.example.org"]
    assert shown["scope_style"] == "v1"
    assert shown["options"] == {"write_back": False}
    assert shown["redirect_uri"] == "https://ltot.example.org/callback"
    assert shown["launch_url"] == "https://ltot.example.org/launch"
    assert shown["jwks_url"] == "https://ltot.example.org/jwks/north"


def test_an_existing_tenant_is_changed_only_on_purpose(ltot: Ltot) -> None:
    ltot(*ADD)
    again = ltot(*ADD)
    assert (again.exit_code, again.err[:6]) == (2, "LT-609")
    assert "--replace" in again.err
    assert ltot(*ADD, "--policy", "default", "--vendor", "oracle", "--replace").exit_code == 0
    assert "north  oracle" in ltot("tenant", "list").out
    assert ltot(*ADD, "--write-back", "--replace").exit_code == 0
    assert json.loads(ltot("tenant", "show", "north").out)["options"] == {"write_back": True}


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("--id", "North Clinic"), "id:"),
        (("--issuer", "ehr.example.org/fhir"), "issuer:"),
        (("--issuer", "http://ehr.example.org/fhir"), "issuer:"),
        (("--issuer", "https://user@ehr.example.org/fhir"), "issuer:"),
        (("--auth", "password"), "auth:"),
        (("--auth", "client_secret_basic"), "client_secret:"),
        (("--vendor", "other"), "vendor:"),
        (("--frame-ancestor", "*"), "frame_ancestors:"),
        (("--frame-ancestor", "https://*.example.org"), "frame_ancestors:"),
        (("--frame-ancestor", "http://ehr.example.org"), "frame_ancestors:"),
        (("--frame-ancestor", "https://ehr.example.org/path"), "frame_ancestors:"),
        (("--role", "population"), "role:"),
        (("--policy", "missing.toml"), "missing.toml"),
        (("--client-id", ""), "client_id:"),
    ],
)
def test_a_tenant_that_does_not_fit_is_refused_by_field(
    ltot: Ltot, words: tuple[str, ...], named: str
) -> None:
    refused = ltot(*ADD, *words)
    assert refused.exit_code == 2
    assert named in refused.err
    assert "Next step:" in refused.err
    assert "Traceback" not in refused.err
    assert ltot("tenant", "list").out == ""


def test_a_client_secret_comes_from_a_file_or_a_variable_and_is_never_shown(
    ltot: Ltot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "secret"
    file.write_text("canary-secret-1\n")
    monkeypatch.setenv("EHR_SECRET", "canary-secret-2")
    runs = [
        ltot(*ADD, "--auth", "client_secret_basic", "--client-secret-file", str(file)),
        ltot("tenant", "show", "north"),
        ltot(*ADD, "--auth", "client_secret_post", "--client-secret-variable", "EHR_SECRET", "--replace"),
        ltot("tenant", "list"),
    ]
    assert [run.exit_code for run in runs] == [0, 0, 0, 0]
    assert json.loads(runs[1].out)["client_secret"] == "set"
    assert all("canary-secret" not in run.out + run.err for run in runs)
    secret = SetUp.of(os.environ).tenants.get("north").client_secret
    assert secret is not None
    assert secret.reveal() == "canary-secret-2"
    for path in tmp_path.glob("ltot.db*"):
        assert b"canary-secret" not in path.read_bytes()


def test_no_option_takes_a_secret_as_its_value() -> None:
    import typer.main

    from app.cli import cli

    tenant = typer.main.get_command(cli).commands["tenant"]  # type: ignore[attr-defined]
    options = {name for parameter in tenant.commands["add"].params for name in parameter.opts}
    assert {name for name in options if "secret" in name} == {
        "--client-secret-file",
        "--client-secret-variable",
    }


@pytest.mark.parametrize(
    "words", [("--client-secret-file", "nowhere"), ("--client-secret-variable", "NOT_SET_ANYWHERE")]
)
def test_a_secret_that_cannot_be_read_is_named(ltot: Ltot, words: tuple[str, ...]) -> None:
    refused = ltot(*ADD, "--auth", "client_secret_basic", *words)
    assert refused.exit_code == 2
    assert "client secret:" in refused.err


def test_keys_are_made_listed_and_rotated_without_showing_private_parts(ltot: Ltot) -> None:
    ltot(*ADD)
    made = ltot("keys", "new", "north")
    assert made.out.splitlines()[0].endswith("  active")
    assert "https://ltot.example.org/jwks/north" in made.out
    following = ltot("keys", "new", "north", "--algorithm", "ES384")
    assert following.out.splitlines()[0].endswith("  next")
    listed = ltot("keys", "list", "north").out.splitlines()
    assert [line.rpartition("  ")[2] for line in listed] == ["active", "next"]
    early = ltot("keys", "rotate", "north")
    assert early.exit_code == 2
    assert "may not have read the next key yet" in early.err
    for run in (made, following, early):
        assert '"d"' not in run.out + run.err
        assert "PRIVATE" not in run.out + run.err


def test_rotation_after_the_waiting_time_signs_with_the_next_key(ltot: Ltot) -> None:
    ltot(*ADD)
    set_up = SetUp.of(os.environ)
    earlier = datetime.now(UTC) - timedelta(hours=3)
    from app.jobs.tenants import new_key

    first, _ = new_key(set_up, "north", "RS384", earlier)
    second, _ = new_key(set_up, "north", "RS384", earlier)
    assert ltot("keys", "rotate", "north").out == f"{second}  active\n"
    assert dict(set_up.keys("north").states()) == {first: KeyState.PASSIVE, second: KeyState.ACTIVE}


@pytest.mark.parametrize(
    "words", [("keys", "new", "nobody"), ("keys", "list", "nobody"), ("tenant", "show", "nobody")]
)
def test_an_unknown_tenant_is_said_so(ltot: Ltot, words: tuple[str, ...]) -> None:
    refused = ltot(*words)
    assert (refused.exit_code, refused.err[:6]) == (2, "LT-607")


def test_an_unknown_algorithm_is_refused(ltot: Ltot) -> None:
    ltot(*ADD)
    refused = ltot("keys", "new", "north", "--algorithm", "HS256")
    assert refused.exit_code == 2
    assert "RS384, ES384" in refused.err


def test_settings_and_database_are_checked_before_anything_else(
    ltot: Ltot, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("LTOT_DATABASE_URL", f"sqlite:///{tmp_path / 'empty.db'}")
    assert ltot("tenant", "list").err.startswith("LT-602")
    monkeypatch.setenv("LTOT_MASTER_KEY", "canary-not-a-key")
    refused = ltot("tenant", "list")
    assert refused.err.startswith("LT-601")
    assert "canary" not in refused.err


def test_an_intact_access_log_is_said_to_be_intact_and_heads_can_be_noted(ltot: Ltot, tmp_path: Path) -> None:
    ltot(*ADD)
    log = AuditLog(SetUp.of(os.environ).store)
    for _ in range(3):
        log.append(AuditEvent("north", "panel_view", "ok", actor="a", patient="p"), datetime.now(UTC))
    first = ltot("audit", "verify")
    assert first.exit_code == 0
    assert "north 3:" in first.out
    assert "3 entries, intact" in first.out
    noted = tmp_path / "heads"
    noted.write_text(first.out)
    assert ltot("audit", "verify", "--heads", str(noted)).exit_code == 0


def test_an_access_log_that_was_cut_off_is_found_by_the_noted_head(ltot: Ltot, tmp_path: Path) -> None:
    ltot(*ADD)
    log = AuditLog(SetUp.of(os.environ).store)
    log.append(AuditEvent("north", "panel_view", "ok"), datetime.now(UTC))
    noted = tmp_path / "heads"
    noted.write_text(f"north 7:{'a' * 64}\n")
    damaged = ltot("audit", "verify", "--heads", str(noted))
    assert damaged.exit_code == 1
    assert "entry 7: truncated" in damaged.out
    assert damaged.err.startswith("LT-610")


def test_noted_heads_that_cannot_be_read_are_refused(ltot: Ltot, tmp_path: Path) -> None:
    (tmp_path / "heads").write_text("north what\n")
    assert ltot("audit", "verify", "--heads", str(tmp_path / "heads")).err.startswith("LT-501")
