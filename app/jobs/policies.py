"""Load what a deployment decided: the clinic policy and the terminology with the site's own codes."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from app.clinical.policy import Policy, PolicyError, parse_policy
from app.errors import LtotError
from valuesets import Terms, ValueSetError, load_terms

POLICIES = Path(__file__).parent.parent / "policies"


def shipped_policies() -> tuple[str, ...]:
    """The names of the policies that come with the product."""
    return tuple(sorted(path.stem for path in POLICIES.glob("*.toml")))


def policy_file(source: Path | str | None = None) -> Path:
    """Where a policy is written; a name that a shipped one has is taken for that one."""
    name = "default" if source is None else str(source)
    return POLICIES / f"{name}.toml" if name in shipped_policies() else Path(name)


def load_policy(source: Path | str | None = None) -> Policy:
    """The policy in a file, or the shipped one of that name ("default" when None).  Raises LT-604."""
    path = policy_file(source)
    try:
        return parse_policy(path.read_text(encoding="utf-8"))
    except OSError:
        raise LtotError("LT-604", f"{path.name} cannot be read.") from None
    except PolicyError as error:
        raise LtotError("LT-604", str(error)) from None


@cache
def load_site_terms(site_file: Path | None = None, *, snomed: bool = True) -> Terms:
    """The terminology, with the site's own codes when given; loaded once per process.  Raises LT-603."""
    try:
        return load_terms(site_file=site_file, snomed=snomed)
    except ValueSetError as error:
        raise LtotError("LT-603", str(error)) from None
