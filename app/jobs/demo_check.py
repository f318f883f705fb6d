"""Walk through the demo as a browser would: one EHR launch per sandbox patient, one line each."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any

from app.jobs.demo import DemoAddresses

TIMEOUT = 120


class CheckFailedError(Exception):
    """A launch did not end in a panel; the text says for which patient and how."""


def check_demo(addresses: DemoAddresses) -> Iterator[str]:
    """One line per patient: status, MME, open gaps.  Raises CheckFailedError at the first launch that fails."""
    patients = json.loads(_get(addresses.ehr + "/patients.json"))
    for patient in patients:
        evaluation = Chart(addresses, patient["id"]).evaluation()
        mme = evaluation["mme"]
        dose = "MME unknown" if mme["current"] is None else f"MME {round(mme['current'], 1):g}"
        if not mme["complete"] and mme["current"] is not None:
            dose = dose.replace("MME", "MME at least")
        open_gaps = [
            gap["id"] for gap in evaluation["gaps"] if gap["status"] in {"overdue", "due_soon", "unknown"}
        ]
        yield (
            f"{patient['name']:28} LtOT {evaluation['ltot']['status']:12} {dose:20} "
            f"open gaps: {', '.join(open_gaps) or 'none'}"
        )


class Chart:
    """One patient's panel, launched in a browser of its own that keeps cookies and follows redirects."""

    def __init__(self, addresses: DemoAddresses, patient: str) -> None:
        policy = DefaultCookiePolicy(secure_protocols=("http", "https"))
        self._cookies = CookieJar(policy)
        self._browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self._cookies))
        self._patient = patient
        request = json.dumps({"patient": patient}).encode()
        link = json.loads(self.read(addresses.ehr + "/launches", data=request))["url"]
        with self._browser.open(link, timeout=TIMEOUT) as page:
            self.address: str = page.geturl()
        if "/p/" not in self.address:
            raise CheckFailedError(f"{patient}: the launch ended at {self.address.partition('?')[0]}")

    def evaluation(self) -> dict[str, Any]:
        """What the panel shows, as JSON."""
        return json.loads(self.read(self.address + "/content", accept="application/json"))

    def content(self) -> str:
        """What the panel shows, as the page's HTML."""
        return self.read(self.address + "/content", accept="text/html").decode()

    def cookie(self, launch_id: str) -> str:
        """The value of this launch's cookie."""
        return next(c.value or "" for c in self._cookies if c.name.endswith(f".{launch_id}"))

    def read(self, address: str, *, data: bytes | None = None, accept: str = "*/*") -> bytes:
        """One request of this browser; raises CheckFailedError for an error status."""
        request = urllib.request.Request(  # noqa: S310 - loopback addresses only
            address, data, {"Accept": accept, "Content-Type": "application/json"}
        )
        try:
            with self._browser.open(request, timeout=TIMEOUT) as answer:
                return answer.read()
        except urllib.error.HTTPError as error:
            where = address.partition("?")[0]
            raise CheckFailedError(f"{self._patient}: {error.code} at {where}") from None


def _get(address: str) -> bytes:
    with urllib.request.urlopen(address, timeout=TIMEOUT) as answer:  # noqa: S310 - loopback addresses only
        return answer.read()
