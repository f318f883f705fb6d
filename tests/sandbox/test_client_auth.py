"""Only the registered client, by its registered method, gets a token."""

import base64
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from joserfc.jwk import ECKey, KeySet, RSAKey

from app.sandbox.config import SandboxClient
from tests.sandbox.conftest import ASSERTION_TYPE, CALLBACK, Ehr, assertion

SCOPE = "system/Patient.rs"


async def ask(ehr: Ehr, token: str, **form: str):
    return await ehr.exchange(
        grant_type="client_credentials",
        scope=form.pop("scope", SCOPE),
        client_assertion_type=form.pop("kind", ASSERTION_TYPE),
        client_assertion=token,
        **form,
    )


def signed(ehr: Ehr, key: RSAKey | ECKey, **changes: Any) -> str:
    return assertion(key, ehr.site.token_url, "backend", ehr.clock.now, **changes)


async def test_a_backend_client_signs_with_rs384_or_es384(ehr: Ehr, rsa: RSAKey, ec: ECKey):
    for key in (rsa, ec):
        answer = await ask(ehr, signed(ehr, key))
        assert answer.status_code == 200, answer.text
        assert answer.json()["scope"] == SCOPE
        assert answer.headers["cache-control"] == "no-store"
        assert (await ehr.get("Patient?_count=500", answer.json()["access_token"])).json()["total"] == 16


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": "http://ehr.test/fhir"},
        {"aud": ["http://ehr.test/auth/token", "http://evil.test"]},
        {"aud": None},
        {"iss": "other", "sub": "backend"},
        {"sub": "panel"},
        {"exp": 1},
        {"exp": None},
        {"jti": None},
        {"jti": "j" * 152},
        {"header_kid": None},
        {"header_kid": "unknown"},
        {"header_typ": ""},
        {"header_typ": "at+jwt"},
        {"header_jku": "http://evil.test/jwks"},
    ],
)
async def test_a_faulty_assertion_is_refused(ehr: Ehr, rsa: RSAKey, changes: dict[str, Any]):
    answer = await ask(ehr, signed(ehr, rsa, **changes))
    assert answer.status_code == 401
    assert answer.json()["error"] == "invalid_client"


@pytest.mark.parametrize("member", ["iat", "nbf"])
async def test_an_assertion_from_the_future_is_refused(ehr: Ehr, rsa: RSAKey, member: str):
    answer = await ask(ehr, signed(ehr, rsa, **{member: int(ehr.clock.now) + 60}))
    assert answer.json()["error"] == "invalid_client"


async def test_an_assertion_may_live_five_minutes_and_no_longer(ehr: Ehr, rsa: RSAKey):
    now = int(ehr.clock.now)
    assert (await ask(ehr, signed(ehr, rsa, exp=now + 300))).status_code == 200
    assert (await ask(ehr, signed(ehr, rsa, exp=now + 301))).status_code == 401


async def test_a_replayed_assertion_is_refused(ehr: Ehr, rsa: RSAKey):
    token = signed(ehr, rsa)
    assert (await ask(ehr, token)).status_code == 200
    assert (await ask(ehr, token)).status_code == 401


async def test_another_key_or_a_wrong_type_is_refused(ehr: Ehr, rsa: RSAKey):
    stranger = RSAKey.generate_key(2048, {"kid": rsa.kid, "alg": "RS384"})
    assert (await ask(ehr, signed(ehr, stranger))).status_code == 401
    assert (
        await ask(ehr, signed(ehr, rsa), kind="urn:ietf:params:oauth:grant-type:jwt-bearer")
    ).status_code == 401
    assert (await ask(ehr, "not-a-jwt")).status_code == 401


async def test_an_unsigned_assertion_is_refused(ehr: Ehr):
    def part(text: str) -> str:
        return base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()

    header, claims = '{"alg":"none","typ":"JWT","kid":"k"}', '{"iss":"backend","sub":"backend"}'
    token = f"{part(header)}.{part(claims)}."
    assert (await ask(ehr, token)).status_code == 401


def basic(client_id: str, secret: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{client_id}:{secret}".encode()).decode()}


async def exchange_as(ehr: Ehr, client: str, form: dict[str, str], headers: dict[str, str] | None = None):
    verifier = "v" * 64
    code = await ehr.code(ehr.patient("Clean"), verifier, client_id=client)
    body = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": CALLBACK,
        "code_verifier": verifier,
    }
    return await ehr.http.post(ehr.site.token_url, data={**body, **form}, headers=headers)


async def test_a_secret_is_accepted_in_the_registered_place_only(ehr: Ehr):
    good = basic("basic", "s%2Bcret%2F1")
    assert (await exchange_as(ehr, "basic", {}, good)).status_code == 200
    assert (
        await exchange_as(ehr, "post", {"client_id": "post", "client_secret": "s3cret"})
    ).status_code == 200
    refused = [
        await exchange_as(ehr, "basic", {}, basic("basic", "wrong")),
        await exchange_as(ehr, "basic", {}, {"Authorization": "Basic ???"}),
        await exchange_as(ehr, "basic", {"client_id": "basic", "client_secret": "s+cret/1"}),
        await exchange_as(ehr, "basic", {"client_id": "other"}, good),
        await exchange_as(ehr, "post", {"client_id": "post", "client_secret": ""}),
        await exchange_as(ehr, "post", {}, basic("post", "s3cret")),
        await exchange_as(ehr, "signed", {"client_id": "signed"}),
        await exchange_as(ehr, "panel", {"client_id": "panel", "client_secret": "x"}),
    ]
    assert [answer.status_code for answer in refused] == [401] * len(refused)


async def test_two_methods_at_once_are_refused(ehr: Ehr):
    answer = await exchange_as(ehr, "basic", {"client_secret": "s+cret/1"}, basic("basic", "s%2Bcret%2F1"))
    assert answer.json()["error"] == "invalid_request"


async def test_a_launch_client_signs_too(ehr: Ehr, ec: ECKey):
    form = {
        "client_assertion_type": ASSERTION_TYPE,
        "client_assertion": assertion(ec, ehr.site.token_url, "signed", ehr.clock.now),
    }
    assert (await exchange_as(ehr, "signed", form)).status_code == 200


async def test_grant_types_stay_with_their_clients(ehr: Ehr, rsa: RSAKey):
    token = assertion(rsa, ehr.site.token_url, "signed", ehr.clock.now)
    assert (await ask(ehr, token)).json()["error"] == "unauthorized_client"
    answer = await ehr.exchange(grant_type="client_credentials", scope=SCOPE, client_id="panel")
    assert answer.json()["error"] == "unauthorized_client"


async def test_a_backend_grant_holds_system_scopes_only(ehr: Ehr, rsa: RSAKey):
    answer = await ask(ehr, signed(ehr, rsa), scope="system/Patient.rs patient/Patient.rs openid")
    assert answer.json()["scope"] == SCOPE
    assert (await ask(ehr, signed(ehr, rsa), scope="patient/Patient.rs")).json()["error"] == "invalid_scope"


async def test_a_rotated_key_is_fetched_once_from_the_registered_url(
    start: Callable[..., Ehr], rsa: RSAKey, ec: ECKey
):
    published, fetched = [rsa], []

    async def fetch(url: str):
        fetched.append(url)
        return KeySet(published).as_dict(private=False)

    client = SandboxClient("backend", jwks_url="http://panel.test/jwks", backend=True)
    ehr = start(clients=[client], fetch=fetch)
    assert (await ask(ehr, signed(ehr, rsa))).status_code == 200
    assert (await ask(ehr, signed(ehr, rsa))).status_code == 200
    assert fetched == ["http://panel.test/jwks"]
    published.append(ec)
    assert (await ask(ehr, signed(ehr, ec, header_jku="http://panel.test/jwks"))).status_code == 200
    assert len(fetched) == 2


async def test_a_published_private_key_is_refused(start: Callable[..., Ehr], rsa: RSAKey):
    leaked = KeySet([rsa]).as_dict(private=True)
    ehr = start(clients=[SandboxClient("backend", jwks=leaked, backend=True)])
    assert (await ask(ehr, signed(ehr, rsa))).status_code == 401


async def test_oracle_answers_empty_scopes_for_the_other_syntax(start: Callable[..., Ehr], rsa: RSAKey):
    keys = KeySet([rsa]).as_dict(private=False)
    ehr = start(
        flavour="oracle", clients=[SandboxClient("backend", jwks=keys, backend=True, scope_style="v2")]
    )
    answer = await ask(ehr, signed(ehr, rsa), scope="system/Patient.read")
    assert answer.status_code == 400
    assert answer.json()["error"] == "invalid_scope"
    assert answer.json()["error_uri"].endswith("empty-scopes")


class KeyServer(BaseHTTPRequestHandler):
    """Answers one key set, or what the path asks for."""

    body = b""

    def do_GET(self) -> None:
        if self.path == "/moved":
            self.send_response(302)
            self.send_header("Location", "/jwks")
            self.end_headers()
            return
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"<html>" if self.path == "/html" else self.body)

    def log_message(self, *args: Any) -> None:
        """Keep the test output quiet."""


@pytest.fixture
def key_server(rsa: RSAKey) -> Iterator[str]:
    KeyServer.body = json.dumps(KeySet([rsa]).as_dict(private=False)).encode()
    server = HTTPServer(("127.0.0.1", 0), KeyServer)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.parametrize(("path", "status"), [("/jwks", 200), ("/moved", 401), ("/html", 401)])
async def test_the_key_set_is_read_from_the_clients_own_address(
    start: Callable[..., Ehr], rsa: RSAKey, key_server: str, path: str, status: int
):
    ehr = start(clients=[SandboxClient("backend", jwks_url=key_server + path, backend=True)])
    assert (await ask(ehr, signed(ehr, rsa))).status_code == status


async def test_an_address_that_does_not_answer_is_named(start: Callable[..., Ehr], rsa: RSAKey):
    ehr = start(clients=[SandboxClient("backend", jwks_url="http://127.0.0.1:9/jwks", backend=True)])
    answer = await ask(ehr, signed(ehr, rsa))
    assert answer.status_code == 401
    assert answer.json()["error_description"] == "JWKS URL could not be read"
