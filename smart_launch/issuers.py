"""Which FHIR server a launch comes from: exact match against the registered ones, before any request goes
out."""

from collections.abc import Mapping
from typing import TypeVar

from smart_launch.endpoints import split_url
from smart_launch.errors import IssuerError, Reason

T = TypeVar("T")


def comparable_issuer(issuer: str) -> str:
    """The form issuers are compared in: one trailing slash does not count, everything else does."""
    return issuer.removesuffix("/")


def match_issuer(issuer: str, registered: Mapping[str, T]) -> tuple[str, T]:
    """The registered FHIR base (as registered, fit for ``aud``) and its registration.

    Raises IssuerError for any other value; host case, ports, user names, encodings and path tricks never
    match.
    """
    wanted = comparable_issuer(issuer)
    if split_url(issuer) is not None:
        for base, registration in registered.items():
            if comparable_issuer(base) == wanted:
                return base, registration
    raise IssuerError(
        Reason.UNKNOWN_ISSUER,
        "This EHR is not set up here. Ask your integration team to register its FHIR address.",
    )
