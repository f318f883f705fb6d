"""The FHIR resource that stands for the user.

Source: SMART App Launch 2.2, "Scopes for requesting identity data" (fhirUser; older servers used
``profile``).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from smart_launch.context import FHIR_ID
from smart_launch.endpoints import split_url
from smart_launch.errors import IdTokenError, Reason

TYPES = frozenset({"Patient", "Practitioner", "PractitionerRole", "RelatedPerson", "Person"})


@dataclass(frozen=True, slots=True)
class FhirUser:
    """``same_server``: the address lies under our FHIR base; only then may it be read with the access
    token."""

    resource_type: str
    id: str = field(repr=False)
    url: str = field(repr=False)
    same_server: bool


def read_fhir_user(claims: Mapping[str, object], fhir_base: str) -> FhirUser | None:
    """The user's resource from ``fhirUser``, else from an old server's ``profile``; None when neither is
    sent.

    Raises IdTokenError for a ``fhirUser`` that is no reference to a person; a ``profile`` may be any web
    page.
    """
    value = claims.get("fhirUser")
    if value is None:
        profile = claims.get("profile")
        return _parse(profile, fhir_base) if isinstance(profile, str) else None
    user = _parse(value, fhir_base) if isinstance(value, str) else None
    if user is None:
        raise IdTokenError(
            Reason.FHIR_USER_INVALID, "The EHR named the user in a form that is no reference to a person."
        )
    return user


def _parse(value: str, fhir_base: str) -> FhirUser | None:
    base = fhir_base.removesuffix("/")
    url = value if "://" in value else f"{base}/{value.removeprefix('/')}"
    parts = split_url(url)
    if parts is None or parts.query:
        return None
    head, _, identifier = url.rpartition("/")
    server, _, resource_type = head.rpartition("/")
    if resource_type not in TYPES or not FHIR_ID.fullmatch(identifier):
        return None
    if "://" not in value and server != base:
        return None
    return FhirUser(resource_type, identifier, url, server == base)
