"""OperationOutcomes and error bodies as each flavour words them."""

from dataclasses import dataclass
from typing import Any

from app.sandbox.config import Flavour, Resource

EPIC_ISSUES = "urn:oid:1.2.840.114350.1.13.999.3.7.2.657369"
_EPIC_TEXT = {
    "4101": "Resource request returns no results.",
    "4118": "User not authorized for request.",
    "59008": "The FHIR ID provided was not found.",
    "59022": "No authorized sub-resource remains for this search.",
    "59100": "Content invalid against the specification or a profile.",
    "59108": "A required element is missing.",
    "59109": "An element value is invalid.",
    "59111": "An element value is invalid.",
    "59159": "The content/operation failed to pass a business rule, and so could not proceed.",
    "59204": "The search applies to a sub-resource that the client is not authorized for.",
}

HTML_404 = (
    '<!DOCTYPE html><html><head><meta http-equiv="Content-Type" content="text/html; charset=iso-8859-1"/>'
    "<title>404 - File or directory not found.</title></head><body><h1>Server Error</h1>"
    "<h2>404 - File or directory not found.</h2></body></html>"
)


@dataclass(frozen=True, slots=True)
class Issue:
    """One issue; `vendor` is an Epic message number, used on that flavour only."""

    code: str
    text: str
    severity: str = "error"
    vendor: str = ""


class FhirRefusedError(Exception):
    """A FHIR request that is refused, with the issues to report."""

    def __init__(self, status: int, *issues: Issue) -> None:
        super().__init__(issues[0].text)
        self.status = status
        self.issues = issues


def outcome(flavour: Flavour, *issues: Issue) -> Resource:
    """An OperationOutcome in the flavour's words."""
    return {"resourceType": "OperationOutcome", "issue": [_issue(flavour, issue) for issue in issues]}


def _issue(flavour: Flavour, issue: Issue) -> dict[str, Any]:
    written: dict[str, Any] = {"severity": issue.severity, "code": issue.code}
    if flavour != "epic":
        written["details"] = {"text": issue.text}
        return written
    if issue.severity == "error":
        written["severity"] = "fatal"
    text = _EPIC_TEXT.get(issue.vendor, issue.text)
    details: dict[str, Any] = {"text": text}
    if issue.vendor:
        details["coding"] = [{"system": EPIC_ISSUES, "code": issue.vendor, "display": text}]
    written["details"] = details
    written["diagnostics"] = issue.text
    return written
