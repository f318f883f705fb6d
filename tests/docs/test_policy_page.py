"""The page about a clinic's own files: its examples are read as they stand."""

import re
from pathlib import Path

from app.clinical.policy import parse_policy, policy_text
from app.jobs.policies import load_policy, shipped_policies
from valuesets import load_terms

PAGE = (Path(__file__).resolve().parents[2] / "docs/policy.md").read_text()
POLICY, CODES = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)


def test_the_example_policy_is_read_and_shown() -> None:
    shown = policy_text(parse_policy(POLICY))
    assert "mme.thresholds = 50, 90, 120    [North Clinic, medical board, June 2026]" in shown
    assert "gaps.G36 = on, from 2026-09-01" in shown


def test_the_example_codes_are_read(tmp_path: Path) -> None:
    file = tmp_path / "codes.toml"
    file.write_text(CODES, encoding="utf-8")
    terms = load_terms(site_file=file)
    drug = terms.drug("4711", "urn:oid:2.16.840.1.113883.3.9999.2")
    assert drug is not None
    assert "opioid" in drug.classes
    assert terms.is_agreement_title("Opioid treatment agreement, North Clinic, signed")
    assert "udt" in terms.observation_elements("urn:oid:2.16.840.1.113883.3.9999.1", "UDT-OXY")


def test_every_pack_is_named() -> None:
    assert [name for name in shipped_policies() if f"`{name}`" not in PAGE] == []


def test_a_pack_can_be_named_wherever_a_file_can() -> None:
    assert load_policy(Path("topcare")).id == load_policy("topcare").id == "topcare"
    assert load_policy().id == "default"
