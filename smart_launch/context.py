"""The launch context a token response carries.

Source: SMART App Launch 2.2, "Scopes and Launch Context". The context is read from the token response only.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import cast

from smart_launch.endpoints import is_loopback, split_url
from smart_launch.errors import Reason, TokenError

FHIR_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")
MAX_TEXT_CHARACTERS = 1024


@dataclass(frozen=True, slots=True)
class ContextItem:
    """One ``fhirContext`` item that points to a resource; a missing role means "launch"."""

    reference: str
    role: str = "launch"


@dataclass(frozen=True, slots=True)
class LaunchContext:
    """What the EHR says the user is looking at.

    ``patient`` and ``encounter`` are logical ids, hidden from reprs. ``need_patient_banner`` is True unless
    the server clearly says otherwise: showing who the patient is twice does no harm. ``style_url`` is https,
    or on this machine, or None.
    """

    patient: str | None = field(default=None, repr=False)
    encounter: str | None = field(default=None, repr=False)
    need_patient_banner: bool = True
    style_url: str | None = None
    intent: str | None = None
    tenant: str | None = None
    items: tuple[ContextItem, ...] = field(default=(), repr=False)


def read_context(members: Mapping[str, object]) -> LaunchContext:
    """Read the context members of a token response. Raises TokenError for an id that cannot be a FHIR id."""
    style_url = _text(members, "smart_style_url")
    parts = split_url(style_url) if style_url else None
    kept = parts is not None and (parts.scheme == "https" or is_loopback(parts.hostname or ""))
    return LaunchContext(
        patient=_fhir_id(members, "patient"),
        encounter=_fhir_id(members, "encounter"),
        need_patient_banner=_banner(members.get("need_patient_banner")),
        style_url=style_url if kept else None,
        intent=_text(members, "intent"),
        tenant=_text(members, "tenant"),
        items=_items(members.get("fhirContext")),
    )


def _fhir_id(members: Mapping[str, object], name: str) -> str | None:
    value = members.get(name)
    if value is None or value == "":
        return None
    if not isinstance(value, str) or not FHIR_ID.fullmatch(value):
        raise TokenError(
            Reason.TOKEN_RESPONSE_INVALID, f"The EHR named a {name} in a form that is no FHIR id."
        )
    return value


def _banner(value: object) -> bool:
    if isinstance(value, str):
        return value.strip().lower() != "false"
    return value is not False


def _text(members: Mapping[str, object], name: str) -> str | None:
    value = members.get(name)
    return value if isinstance(value, str) and 0 < len(value) <= MAX_TEXT_CHARACTERS else None


def _items(value: object) -> tuple[ContextItem, ...]:
    if not isinstance(value, list):
        return ()
    items: list[ContextItem] = []
    for entry in cast("list[object]", value):
        if not isinstance(entry, dict):
            continue
        members = cast("dict[str, object]", entry)
        reference, role = _text(members, "reference"), members.get("role", "launch")
        if reference and isinstance(role, str) and role:
            items.append(ContextItem(reference, role))
    return tuple(items)
