"""FHIR JSON as XML, enough for the answer Epic gives when no JSON was asked for."""

from collections.abc import Iterator
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from app.sandbox.config import Resource

_NAMESPACE = "http://hl7.org/fhir"


def to_xml(resource: Resource) -> str:
    """The resource in FHIR's XML form; element order follows the JSON."""
    return '<?xml version="1.0" encoding="UTF-8"?>' + _resource(resource, namespaced=True)


def _resource(resource: Resource, *, namespaced: bool = False) -> str:
    name = resource["resourceType"]
    inner = "".join(_members({key: value for key, value in resource.items() if key != "resourceType"}))
    attribute = f' xmlns="{_NAMESPACE}"' if namespaced else ""
    return f"<{name}{attribute}>{inner}</{name}>"


def _members(members: dict[str, Any]) -> Iterator[str]:
    for name, value in members.items():
        if name == "div":
            yield str(value)
        elif name not in {"url", "id"} or not isinstance(value, str) or "extension" in name:
            for item in value if isinstance(value, list) else [value]:
                yield _element(name, item)
        else:
            yield f"<{name} value={quoteattr(value)}/>"


def _element(name: str, value: Any) -> str:
    if isinstance(value, dict):
        if "resourceType" in value:
            return f"<{name}>{_resource(value)}</{name}>"
        return f"<{name}>{''.join(_members(value))}</{name}>"
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return f"<{escape(name)} value={quoteattr(text)}/>"
