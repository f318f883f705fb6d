"""An authorization server that answers from memory, and what a registration at it looks like."""

import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

import httpx2
import pytest
import pytest_asyncio

from smart_launch.client_auth import PublicClient, Registration
from smart_launch.discovery import CachedDocument, SmartConfiguration, read_configuration
from smart_launch.endpoints import EndpointPolicy
from smart_launch.keys import SigningAlgorithm, SigningKey, generate_signing_key

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
BASE = "https://ehr.example.org/fhir/r4"
ISSUER = "https://ehr.example.org/oauth2"
TOKEN_URL = "https://auth.example.org/token"
CLIENT_ID = "ltot client:1"
POLICY = EndpointPolicy(frozenset({"ehr.example.org", "auth.example.org"}))
DOCUMENT: dict[str, Any] = {
    "issuer": ISSUER,
    "jwks_uri": "https://auth.example.org/jwks",
    "authorization_endpoint": "https://auth.example.org/authorize",
    "token_endpoint": TOKEN_URL,
    "revocation_endpoint": "https://auth.example.org/revoke",
    "code_challenge_methods_supported": ["S256"],
    "capabilities": ["launch-ehr", "permission-v2", "sso-openid-connect"],
    "token_endpoint_auth_methods_supported": ["private_key_jwt"],
}
GRANT: dict[str, Any] = {
    "access_token": "access-canary",
    "token_type": "Bearer",
    "scope": "launch patient/Patient.rs",
    "expires_in": 3600,
    "patient": "pat-1",
}

Handler = Callable[[httpx2.Request], httpx2.Response]


@dataclass
class Server:
    """Answers by path; keeps every request it got."""

    routes: dict[str, Handler] = field(default_factory=dict)
    requests: list[httpx2.Request] = field(default_factory=list)

    def answer(self, path: str, body: object, status: int = 200) -> None:
        """Answer a path with JSON, or with text as it is."""
        text = body if isinstance(body, str) else json.dumps(body)
        self.routes[path] = lambda _request: httpx2.Response(status, text=text)

    def handle(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(request)
        return self.routes[request.url.path](request)

    @property
    def form(self) -> dict[str, str]:
        """The form of the last request."""
        return {name: values[0] for name, values in parse_qs(self.requests[-1].content.decode()).items()}


@pytest.fixture
def server() -> Server:
    return Server()


@pytest_asyncio.fixture
async def client(server: Server) -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(transport=httpx2.MockTransport(server.handle)) as client:
        yield client


@pytest.fixture(scope="session")
def rsa_key() -> SigningKey:
    return generate_signing_key(SigningAlgorithm.RS384)


@pytest.fixture(scope="session")
def ec_key() -> SigningKey:
    return generate_signing_key(SigningAlgorithm.ES384)


@pytest.fixture
def configuration() -> SmartConfiguration:
    return configured()


PUBLIC = Registration(CLIENT_ID, PublicClient())


def configured(**changes: object) -> SmartConfiguration:
    """The server's configuration with some members changed; None removes one."""
    members = {name: value for name, value in (DOCUMENT | changes).items() if value is not None}
    return read_configuration(BASE, CachedDocument(members, NOW), POLICY)
