"""A client that plays a SMART app against an in-process sandbox EHR."""

import base64
import hashlib
import secrets
import time
from collections.abc import AsyncIterator, Callable
from datetime import date
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, RSAKey

from app.sandbox.config import SandboxClient
from app.sandbox.server import create_sandbox

BASE = "http://ehr.test"
PANEL = "http://panel.test/launch"
CALLBACK = "http://panel.test/callback"
AS_OF = date(2026, 3, 10)
FHIR_JSON = {"Accept": "application/fhir+json"}
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
SCOPES = "launch openid fhirUser patient/*.rs"


class Clock:
    """A clock the tests move."""

    def __init__(self) -> None:
        self.now = float(int(time.time()))

    def __call__(self) -> float:
        return self.now


class Ehr:
    """One sandbox and the HTTP client that talks to it."""

    def __init__(self, client: httpx2.AsyncClient, app: Any, clock: Clock) -> None:
        self.http = client
        self.app = app
        self.clock = clock
        self.site = app.state.site

    @property
    def fhir(self) -> str:
        return self.site.fhir_base

    def patient(self, state: str) -> str:
        """The id of the synthetic patient whose name ends with `state`."""
        return next(card.id for card in self.site.cards if f"-{state}," in card.name)

    def request_parameters(self, verifier: str, **changes: str | None) -> dict[str, str]:
        digest = hashlib.sha256(verifier.encode()).digest()
        params: dict[str, str | None] = {
            "response_type": "code",
            "client_id": "panel",
            "redirect_uri": CALLBACK,
            "scope": SCOPES,
            "state": secrets.token_urlsafe(24),
            "aud": self.fhir,
            "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
            **changes,
        }
        return {name: value for name, value in params.items() if value is not None}

    async def authorize(self, params: dict[str, str], method: str = "GET") -> dict[str, str]:
        """The query of the redirect back to the app."""
        if method == "GET":
            answer = await self.http.get(self.site.authorize_url, params=params)
        else:
            answer = await self.http.post(self.site.authorize_url, data=params)
        assert answer.status_code == 302, answer.text
        location = answer.headers["location"]
        assert location.startswith(params["redirect_uri"])
        return {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}

    async def code(self, patient: str, verifier: str, **changes: str | None) -> str:
        launch = self.site.new_launch(patient)
        back = await self.authorize(self.request_parameters(verifier, launch=launch, **changes))
        return back["code"]

    async def exchange(self, **form: str) -> httpx2.Response:
        return await self.http.post(self.site.token_url, data=form)

    async def launch(
        self, patient: str, scope: str = SCOPES, *, client: str = "panel", **changes: str | None
    ) -> dict[str, Any]:
        """A whole EHR launch of a public client; the token response."""
        verifier = secrets.token_urlsafe(48)
        code = await self.code(patient, verifier, scope=scope, client_id=client, **changes)
        answer = await self.exchange(
            grant_type="authorization_code",
            code=code,
            redirect_uri=CALLBACK,
            code_verifier=verifier,
            client_id=client,
        )
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def get(self, path: str, token: str, **headers: str) -> httpx2.Response:
        url = path if path.startswith("http") else f"{self.fhir}/{path}"
        return await self.http.get(url, headers={**FHIR_JSON, "Authorization": f"Bearer {token}", **headers})

    async def pages(self, path: str, token: str) -> list[dict[str, Any]]:
        """Every page of a search, following `next` links."""
        bundles: list[dict[str, Any]] = []
        url: str | None = path
        while url:
            answer = await self.get(url, token)
            assert answer.status_code == 200, answer.text
            bundles.append(answer.json())
            url = next((link["url"] for link in bundles[-1]["link"] if link["relation"] == "next"), None)
        return bundles


def matched(bundle: dict[str, Any]) -> list[dict[str, Any]]:
    return [entry["resource"] for entry in bundle.get("entry", []) if entry["search"]["mode"] == "match"]


def assertion(key: RSAKey | ECKey, audience: str, client_id: str, now: float, **changes: Any) -> str:
    """A client assertion; `changes` override claims, those beginning with `header_` the header."""
    header = {"alg": "RS384" if isinstance(key, RSAKey) else "ES384", "typ": "JWT", "kid": key.kid}
    claims = {
        "iss": client_id,
        "sub": client_id,
        "aud": audience,
        "exp": int(now) + 240,
        "iat": int(now),
        "jti": secrets.token_urlsafe(16),
    }
    for name, value in changes.items():
        target, member = (header, name[7:]) if name.startswith("header_") else (claims, name)
        target[member] = value
    kept = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode(
        {k: v for k, v in header.items() if v is not None}, kept, key, algorithms=[header["alg"]]
    )


@pytest.fixture(scope="session")
def rsa() -> RSAKey:
    return RSAKey.generate_key(2048, {"use": "sig", "alg": "RS384"}, auto_kid=True)


@pytest.fixture(scope="session")
def ec() -> ECKey:
    return ECKey.generate_key("P-384", {"use": "sig", "alg": "ES384"}, auto_kid=True)


@pytest.fixture
async def start(rsa: RSAKey, ec: ECKey) -> AsyncIterator[Callable[..., Ehr]]:
    """Builds sandboxes whose clients are: panel (public), basic, post, signed, backend."""
    published = KeySet([rsa, ec]).as_dict(private=False)
    opened: list[httpx2.AsyncClient] = []

    def build(**options: Any) -> Ehr:
        clock = Clock()
        clients = options.pop("clients", None) or [
            SandboxClient("panel", (CALLBACK,), auth="public"),
            SandboxClient("other", (CALLBACK,), auth="public"),
            SandboxClient("basic", (CALLBACK,), auth="client_secret_basic", secret="s+cret/1"),
            SandboxClient("post", (CALLBACK,), auth="client_secret_post", secret="s3cret"),
            SandboxClient("signed", (CALLBACK,), jwks=published),
            SandboxClient("backend", jwks=published, backend=True),
        ]
        defaults = {"base_url": BASE, "panel_launch_url": PANEL, "clock": clock, "as_of": AS_OF}
        app = create_sandbox(clients=clients, **{**defaults, **options})
        client = httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url=BASE)
        opened.append(client)
        return Ehr(client, app, clock)

    yield build
    for client in opened:
        await client.aclose()


@pytest.fixture
def ehr(start: Callable[..., Ehr]) -> Ehr:
    return start()
