"""A visit in which things are recorded: the panel's forms sent as a browser without script sends them."""

from __future__ import annotations

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

    def gap(self, number: str) -> dict[str, Any]:
        return next(gap for gap in self.evaluation()["gaps"] if gap["id"] == number)


def audited(folder: Path) -> list[tuple[str, str]]:
    """Actions and outcomes in the access log, in order."""
    with sqlite3.connect(folder / "demo.db") as connection:
        return list(connection.execute("SELECT action, outcome FROM audit ORDER BY tenant_id, seq"))


def recorded_ids(page: str) -> list[str]:
    """Ids of the entries a page lists, newest first."""
    return re.findall(r"/records/([0-9a-f]{24})/withdraw", page)
