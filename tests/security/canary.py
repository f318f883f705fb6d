"""A patient whose name, numbers and notes are found wherever they should not be, and who listens there."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import httpx2
import structlog

from app.logs import configure_logs
from tests.security.world import World

PATIENT = "canary-patient-4711"
WORDS = {
    "name": "Canaryfield",
    "given name": "Birdsong",
    "number": "MRN-77412-CANARY",
    "id": PATIENT,
    "birth date": "1961-11-09",
    "note": "canary-note-for-nobody",
}


def put_canary(world: World, site: str = "north") -> str:
    """Give the hospital the canary patient with an order; returns the id."""
    records = world.sites[site].records
    records.put(
        {
            "resourceType": "Patient",
            "id": PATIENT,
            "active": True,
            "name": [{"family": WORDS["name"], "given": [WORDS["given name"]]}],
            "birthDate": WORDS["birth date"],
            "gender": "female",
            "identifier": [{"type": {"text": "MRN"}, "system": "urn:mrn", "value": WORDS["number"]}],
        }
    )
    model = records.of("MedicationRequest", world.patient(site))[0]
    records.put(
        {
            **model,
            "id": "canary-order-1",
            "subject": {"reference": f"Patient/{PATIENT}"},
            "note": [{"text": WORDS["note"]}],
        }
    )
    return PATIENT


@dataclass
class Listener:
    """What was written to logs, and the secrets that passed by."""

    world: World
    stream: io.StringIO = field(default_factory=io.StringIO)
    secrets: set[str] = field(default_factory=set[str])

    @property
    def logged(self) -> str:
        return self.stream.getvalue()

    def learn(self, address: str) -> None:
        """Remember launch values, codes, states, nonces and challenges in an address."""
        for name, value in parse_qsl(urlsplit(address).query):
            if name in {"launch", "code", "state", "nonce", "code_challenge"} and len(value) > 8:
                self.secrets.add(value)

    def learn_requests(self) -> None:
        """Remember what was sent out: verifiers, assertions, bearer tokens."""
        for request in self.world.network.requests:
            if request.method == "POST":
                for name, values in parse_qs(request.content.decode()).items():
                    if name in {"code", "code_verifier", "client_assertion", "refresh_token", "token"}:
                        self.secrets.update(values)
            scheme, _, token = request.headers.get("authorization", "").partition(" ")
            if scheme == "Bearer":
                self.secrets.add(token)

    def learn_cookies(self, cookies: dict[str, str]) -> None:
        self.secrets.update(cookies.values())

    def found_in(self, text: str) -> list[str]:
        """Which words of the patient and which secrets a text holds."""
        found = [name for name, word in WORDS.items() if word in text]
        return found + [f"secret {value[:6]}…" for value in self.secrets if value in text]


@contextmanager
def listening(world: World) -> Iterator[Listener]:
    """Catch everything that is logged, from DEBUG upwards, by whatever library."""
    listener = Listener(world)
    handler = logging.StreamHandler(listener.stream)
    root, level, handlers = logging.getLogger(), logging.getLogger().level, list(logging.getLogger().handlers)
    configure_logs("INFO")
    structlog.configure(
        **{**structlog.get_config(), "logger_factory": structlog.PrintLoggerFactory(listener.stream)}
    )
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    for name in ("sqlalchemy.engine", "asyncio"):
        logging.getLogger(name).setLevel(logging.INFO)
    try:
        yield listener
    finally:
        structlog.reset_defaults()
        for name in ("sqlalchemy.engine", "asyncio"):
            logging.getLogger(name).setLevel(logging.NOTSET)
        root.setLevel(level)
        root.handlers[:] = handlers


def remember_tokens(world: World, listener: Listener, site: str = "north") -> None:
    """Let the hospital tell the listener every token it gives."""
    real = world.network.hosts[f"{site}.example.org"]

    class Between(httpx2.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
            response = await real.handle_async_request(request)
            if request.url.path.endswith("/auth/token"):
                await response.aread()
                members: dict[str, Any] = json.loads(response.content)
                for name in ("access_token", "refresh_token", "id_token"):
                    if name in members:
                        listener.secrets.add(members[name])
            return response

    world.network.hosts[f"{site}.example.org"] = Between()
