"""The server's SMART configuration: fetched, checked, cached for at most a day.

Source: SMART App Launch 2.2, "Conformance", section "Using Well-Known".
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol, cast
from urllib.parse import urljoin

import httpx2

from smart_launch.endpoints import EndpointPolicy, UnreachableError, get_json, require_allowed
from smart_launch.errors import DiscoveryError, Reason

MAX_AGE = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class CachedDocument:
    """A SMART configuration as the server sent it, and when."""

    members: Mapping[str, object]
    fetched_at: datetime


class DiscoveryCache(Protocol):
    """Where documents are kept between launches; one cache serves one registration."""

    def get(self, fhir_base: str) -> CachedDocument | None: ...

    def put(self, fhir_base: str, document: CachedDocument) -> None: ...


@dataclass(frozen=True, slots=True)
class SmartConfiguration:
    """The endpoints and abilities of one authorization server; every address passed the endpoint policy.

    ``fhir_base`` is the registered FHIR base, used unchanged as ``aud``. ``issuer`` is the OpenID issuer,
    which may differ from the FHIR base. None means the server does not offer it.
    """

    fhir_base: str
    token_endpoint: str
    authorization_endpoint: str | None
    issuer: str | None
    jwks_uri: str | None
    revocation_endpoint: str | None
    capabilities: frozenset[str]
    token_auth_methods: frozenset[str]
    requires_callback_issuer: bool
    fetched_at: datetime

    def supports(self, capability: str) -> bool:
        """Whether the server lists a SMART capability, such as ``permission-v2``."""
        return capability in self.capabilities


async def discover(
    client: httpx2.AsyncClient,
    fhir_base: str,
    policy: EndpointPolicy,
    now: datetime,
    *,
    cache: DiscoveryCache | None = None,
    headers: Mapping[str, str] | None = None,
    refresh: bool = False,
) -> SmartConfiguration:
    """The configuration of a registered FHIR base; a cached document is checked again on every use.

    ``headers``: extra request headers a vendor wants. ``refresh``: ignore what is cached. Raises
    DiscoveryError.
    """
    if cache is not None and not refresh:
        cached = cache.get(fhir_base)
        if cached is not None and timedelta(0) <= now - cached.fetched_at < MAX_AGE:
            return read_configuration(fhir_base, cached, policy)
    url = f"{fhir_base.removesuffix('/')}/.well-known/smart-configuration"
    require_allowed(policy, url, "FHIR address", DiscoveryError)
    document = CachedDocument(await _fetch(client, url, headers, "SMART configuration"), now)
    configuration = read_configuration(fhir_base, document, policy)
    if cache is not None:
        cache.put(fhir_base, document)
    return configuration


async def discover_keys_address(
    client: httpx2.AsyncClient, configuration: SmartConfiguration, policy: EndpointPolicy
) -> str:
    """Where the server publishes its signing keys: ``jwks_uri``, else by OpenID discovery from the issuer.

    Raises DiscoveryError when neither works or the OpenID document speaks for another issuer.
    """
    if configuration.jwks_uri is not None:
        return configuration.jwks_uri
    if configuration.issuer is None:
        raise DiscoveryError(
            Reason.DISCOVERY_INVALID,
            "The server publishes neither signing keys nor an issuer, so the user cannot be identified.",
        )
    url = f"{configuration.issuer.removesuffix('/')}/.well-known/openid-configuration"
    require_allowed(policy, url, "issuer", DiscoveryError)
    members = await _fetch(client, url, None, "OpenID configuration")
    if members.get("issuer") != configuration.issuer:
        raise DiscoveryError(
            Reason.DISCOVERY_INVALID, "The server's OpenID configuration speaks for another issuer."
        )
    address = _endpoint(members, "jwks_uri", configuration.issuer, policy)
    if address is None:
        raise DiscoveryError(Reason.DISCOVERY_INVALID, "The server's OpenID configuration names no jwks_uri.")
    return address


def read_configuration(
    fhir_base: str, document: CachedDocument, policy: EndpointPolicy
) -> SmartConfiguration:
    """Check a document. Raises DiscoveryError for a missing token endpoint, a foreign host, or no S256."""
    members = document.members
    token_endpoint = _endpoint(members, "token_endpoint", fhir_base, policy)
    if token_endpoint is None:
        raise DiscoveryError(
            Reason.DISCOVERY_INVALID, "The server's SMART configuration names no token_endpoint."
        )
    methods = _strings(members, "code_challenge_methods_supported")
    # Some servers support PKCE without saying so; only a list that leaves S256 out is a refusal.
    if methods and "S256" not in methods:
        raise DiscoveryError(
            Reason.PKCE_UNSUPPORTED, "The server does not offer PKCE with S256, which this service requires."
        )
    issuer = members.get("issuer")
    return SmartConfiguration(
        fhir_base=fhir_base,
        token_endpoint=token_endpoint,
        authorization_endpoint=_endpoint(members, "authorization_endpoint", fhir_base, policy),
        issuer=issuer if isinstance(issuer, str) and issuer else None,
        jwks_uri=_endpoint(members, "jwks_uri", fhir_base, policy),
        revocation_endpoint=_endpoint(members, "revocation_endpoint", fhir_base, policy),
        capabilities=_strings(members, "capabilities"),
        token_auth_methods=_strings(members, "token_endpoint_auth_methods_supported"),
        requires_callback_issuer=members.get("authorization_response_iss_parameter_supported") is True,
        fetched_at=document.fetched_at,
    )


async def _fetch(
    client: httpx2.AsyncClient, url: str, headers: Mapping[str, str] | None, what: str
) -> Mapping[str, object]:
    try:
        answer = await get_json(client, url, headers)
    except UnreachableError as failure:
        raise DiscoveryError(
            Reason.DISCOVERY_UNREACHABLE, f"The server's {what} cannot be read: {failure}.", retryable=True
        ) from None
    if answer.status != 200:
        raise DiscoveryError(
            Reason.DISCOVERY_UNREACHABLE,
            f"The server's {what} cannot be read: it answered with status {answer.status}.",
            retryable=answer.status == 429 or answer.status >= 500,
        )
    if not answer.members:
        raise DiscoveryError(Reason.DISCOVERY_INVALID, f"The server's {what} is not a JSON object.")
    return answer.members


def _endpoint(members: Mapping[str, object], name: str, base: str, policy: EndpointPolicy) -> str | None:
    value = members.get(name)
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise DiscoveryError(Reason.DISCOVERY_INVALID, f"The server's {name} is not a text.")
    try:
        url = urljoin(f"{base.removesuffix('/')}/", value)
    except ValueError:
        raise DiscoveryError(Reason.DISCOVERY_INVALID, f"The server's {name} is not an address.") from None
    require_allowed(policy, url, name, DiscoveryError)
    return url


def _strings(members: Mapping[str, object], name: str) -> frozenset[str]:
    value = members.get(name)
    if not isinstance(value, list):
        return frozenset()
    return frozenset(item for item in cast("list[object]", value) if isinstance(item, str))
