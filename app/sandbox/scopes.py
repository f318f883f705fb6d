"""SMART scopes, both syntaxes: what was asked, what is granted, what a grant allows."""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from urllib.parse import parse_qsl

from app.sandbox.config import Profile, SandboxClient, types_of

_V1 = {"read": frozenset("rs"), "write": frozenset("cud"), "*": frozenset("cruds")}
_GRAMMAR = re.compile(r"(patient|user|system)/([A-Za-z]+|\*)\.(read|write|\*|c?r?u?d?s?)(?:\?(.+))?")
_CONTEXT = frozenset(
    {"launch", "launch/patient", "openid", "fhirUser", "profile", "offline_access", "online_access"}
)


@dataclass(frozen=True, slots=True)
class Scope:
    """One resource scope; `actions` holds letters of `cruds`, `query` its granular restriction."""

    level: str
    type: str
    actions: frozenset[str]
    query: tuple[tuple[str, str], ...] = ()
    v1: bool = False

    def covers(self, other: "Scope") -> bool:
        """Whether this registration contains everything `other` asks for."""
        return (
            self.level == other.level
            and self.type in {"*", other.type}
            and self.actions >= other.actions
            and (not self.query or self.query == other.query)
        )


def parse(text: str) -> Scope | None:
    """A resource scope, or None for context scopes and anything outside the grammar."""
    found = _GRAMMAR.fullmatch(text)
    if not found or not found[3]:
        return None
    actions = _V1.get(found[3])
    return Scope(
        level=found[1],
        type=found[2],
        actions=actions if actions is not None else frozenset(found[3]),
        query=tuple(parse_qsl(found[4] or "")),
        v1=actions is not None,
    )


def grant(
    requested: str, client: SandboxClient, profile: Profile, withheld: Collection[str] = ()
) -> tuple[str, ...]:
    """The part of `requested` this server gives to `client`; unknown and unregistered scopes are dropped.

    `withheld` names resource types the site has switched off.
    """
    registered = None if client.scopes is None else set(client.scopes)
    granted: list[str] = []
    for text in dict.fromkeys(requested.split()):
        if text in _CONTEXT:
            if registered is None or text in registered:
                granted.append(text)
            continue
        scope = parse(text)
        if scope and _registered(scope, client) and (scope.level == "system") == client.backend:
            granted.extend(_issue(text, scope, profile, withheld))
    return tuple(dict.fromkeys(granted))


def _registered(scope: Scope, client: SandboxClient) -> bool:
    if client.scope_style == "v1" and not scope.v1:
        return False
    if client.scope_style == "v2" and scope.v1:
        return False
    if client.scopes is None:
        return True
    return any(known.covers(scope) for known in map(parse, client.scopes) if known)


def _issue(text: str, scope: Scope, profile: Profile, withheld: Collection[str]) -> Iterable[str]:
    served = [name for name in types_of(profile.flavour) if name not in withheld]
    if scope.type == "*":
        if not profile.wildcard_scopes:
            return []
        if not withheld:
            return [text]
        tail = text.split(".", 1)[1]
        return [f"{scope.level}/{name}.{tail}" for name in served]
    if scope.type not in served:
        return []
    if profile.flavour == "epic" and not scope.v1 and not scope.query:
        return [f"{scope.level}/{scope.type}.{letter}" for letter in "cruds" if letter in scope.actions]
    return [text]


def allowing(scopes: Iterable[str], resource_type: str, action: str) -> list[Scope]:
    """The granted scopes under which `action` (a letter of `cruds`) on `resource_type` is permitted."""
    return [
        scope
        for scope in map(parse, scopes)
        if scope and scope.type in {"*", resource_type} and action in scope.actions
    ]
