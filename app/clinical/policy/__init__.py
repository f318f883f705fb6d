"""Policy: what a clinic decided.  Every threshold, look-back and interval the rules use, with its source."""

from app.clinical.policy.model import GapPolicy, Interval, LtotPolicy, MmePolicy, Policy, PolicyError
from app.clinical.policy.reading import parse_policy
from app.clinical.policy.showing import policy_text

__all__ = [
    "GapPolicy", "Interval", "LtotPolicy", "MmePolicy", "Policy", "PolicyError", "parse_policy", "policy_text",
]  # fmt: skip
