"""A visit in which things are recorded: the panel's forms sent as a browser without script sends them."""

from __future__ import annotations

import base64
import html
import json
import re
import sqlite3
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

from app.jobs.demo import DemoAddresses
from app.jobs.demo_check import TIMEOUT, Chart
from app.sandbox.config import SandboxClient

READING = (
    "openid", "fhirUser", "launch", "online_access", "offline_access",
    *(f"{level}/{kind}.rs" for level in ("patient", "user") for kind in (
        "Appointment", "Condition", "DiagnosticReport", "DocumentReference", "Encounter", "Medication",
        "MedicationDispense", "MedicationRequest", "Observation", "Patient", "Procedure", "QuestionnaireResponse",
        "ServiceRequest",
    )),
)  # fmt: skip
_READER, _SECRET = "independent-reader", "independent-secret"
READER = SandboxClient(_READER, auth="client_secret_basic", secret=_SECRET, backend=True)
"""Another app at the EHR, with rights of its own: what it reads does not come by way of the panel."""
_FOUND = {
    "Procedure": "Procedure?patient={}",
    "DocumentReference": "DocumentReference?patient={}",
    "Observation": "Observation?patient={}&category=survey",
}
_ROW = re.compile(
    r'<li class="row \w+">\s*<h3><span class="mark \w+"><span class="shape" aria-hidden="true">.</span> ([^<]+)</span>'
    r"\s*<span>([^<]+)</span></h3>\s*<p>([^<]*)"
)


class Visit(Chart):
    """One patient's panel, and what is sent from it."""

    @classmethod
    def to(cls, addresses: DemoAddresses, name: str) -> Visit:
        """A visit to the patient of this name; ids differ between flavours."""
        with urllib.request.urlopen(addresses.ehr + "/patients.json", timeout=TIMEOUT) as answer:
            listed = json.loads(answer.read())
        return cls(addresses, next(one["id"] for one in listed if name in one["name"]))

    def send(self, path: str, **fields: str) -> tuple[int, str]:
        """Status and page after the browser followed where it was led."""
        request = urllib.request.Request(
            f"{self.address}/{path}",
            urllib.parse.urlencode(fields).encode(),
            {"Sec-Fetch-Site": "same-origin", "Content-Type": "application/x-www-form-urlencoded"},
        )
        try:
            with self._browser.open(request, timeout=TIMEOUT) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    @property
    def patient(self) -> str:
        return self._patient

    def gap(self, number: str) -> dict[str, Any]:
        return next(gap for gap in self.evaluation()["gaps"] if gap["id"] == number)


def rows(page: str) -> dict[str, tuple[str, str]]:
    """Every item the page shows: by its title, the word that judges it and what is said."""
    return {title: (word, html.unescape(text).strip()) for word, title, text in _ROW.findall(page)}


class Reader:
    """Reads the EHR's FHIR server as the independent app."""

    def __init__(self, addresses: DemoAddresses) -> None:
        self._fhir = addresses.fhir
        with urllib.request.urlopen(
            f"{self._fhir}/.well-known/smart-configuration", timeout=TIMEOUT
        ) as answer:
            endpoint = json.loads(answer.read())["token_endpoint"]
        proof = base64.b64encode(f"{_READER}:{_SECRET}".encode()).decode()
        scope = " ".join(f"system/{kind}.rs" for kind in _FOUND)
        asked = urllib.parse.urlencode({"grant_type": "client_credentials", "scope": scope}).encode()
        granted = self._json(urllib.request.Request(endpoint, asked, {"Authorization": f"Basic {proof}"}))
        self._token = str(granted["access_token"])

    def get(self, path: str) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {self._token}", "Accept": "application/fhir+json"}
        return self._json(urllib.request.Request(f"{self._fhir}/{path}", headers=headers))

    def references(self, patient: str) -> set[str]:
        """Everything of the kinds that are written which the EHR holds of a patient."""
        found: set[str] = set()
        for search in _FOUND.values():
            bundle = self.get(search.format(patient))
            while True:
                resources = [entry["resource"] for entry in bundle.get("entry", ())]
                found |= {f"{r['resourceType']}/{r['id']}" for r in resources if r.get("id")}
                further = [one["url"] for one in bundle.get("link", ()) if one["relation"] == "next"]
                if not further:
                    break
                bundle = self.get(further[0].removeprefix(f"{self._fhir}/"))
        return {ref for ref in found if ref.partition("/")[0] in _FOUND}

    def _json(self, request: urllib.request.Request) -> dict[str, Any]:
        with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:
            return json.loads(answer.read())


def audited(folder: Path) -> list[tuple[str, str]]:
    """Actions and outcomes in the access log, in order."""
    with sqlite3.connect(folder / "demo.db") as connection:
        return list(connection.execute("SELECT action, outcome FROM audit ORDER BY tenant_id, seq"))


def recorded_ids(page: str) -> list[str]:
    """Ids of the entries a page lists, newest first."""
    return re.findall(r"/records/([0-9a-f]{24})/withdraw", page)
