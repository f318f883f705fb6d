"""Identifiers shaped like each vendor's: readable, Epic's long opaque ones, Oracle's numbers."""

import base64
import hashlib

from app.sandbox.config import Flavour

# Epic ids exceed FHIR's 64 characters on some types (orders and results).
_LONG = frozenset({"MedicationRequest", "Observation"})


def resource_id(flavour: Flavour, resource_type: str, key: str) -> str:
    """The id of the resource known in the synthetic charts as `key`; stable for a flavour."""
    if flavour == "generic":
        return key.replace("_", "-")
    digest = hashlib.sha512(f"{resource_type}/{key}".encode()).digest()
    if flavour == "oracle":
        return str(10_000_000 + int.from_bytes(digest[:4], "big") % 89_000_000)
    text = base64.b64encode(digest, b".-").decode().rstrip("=")
    return f"e{text[: 82 if resource_type in _LONG else 22]}3"
