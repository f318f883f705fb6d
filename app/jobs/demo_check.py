"""Walk through the demo as a browser would: one EHR launch per sandbox patient, one line each."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.cookiejar import CookieJar
from typing import Any

from app.jobs.demo import DemoAddresses

TIMEOUT = 30


class CheckFailedError(Exception):
    """A launch did not end in a panel; the text says for which patient and how."""


def check_demo(addresses: DemoAddresses) -> Iterator[str]:
    """One line per patient: status, MME, open gaps.  Raises CheckFailedError at the first launch that fails."""
    patients = json.loads(_get(addresses.ehr + "/patients.json"))
    for patient in patients:
        evaluation = launch_and_read(addresses, patient["id"])
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


def launch_and_read(addresses: DemoAddresses, patient: str) -> dict[str, Any]:
    """Launch one patient's panel in a fresh browser and return the evaluation it shows."""
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))
    link = json.loads(
        _open(browser, addresses.ehr + "/launches", patient, data=json.dumps({"patient": patient}).encode())
    )["url"]
    with browser.open(link, timeout=TIMEOUT) as page:
        address = page.geturl()
    if "/p/" not in address:
        raise CheckFailedError(f"{patient}: the launch ended at {address.partition('?')[0]}")
    return json.loads(_open(browser, address + "/content", patient, accept="application/json"))


def _get(address: str) -> bytes:
    with urllib.request.urlopen(address, timeout=TIMEOUT) as answer:  # noqa: S310 - loopback addresses only
        return answer.read()


def _open(
    browser: urllib.request.OpenerDirector,
    address: str,
    patient: str,
    *,
    data: bytes | None = None,
    accept: str = "*/*",
) -> bytes:
    request = urllib.request.Request(  # noqa: S310 - loopback addresses only
        address, data, {"Accept": accept, "Content-Type": "application/json"}
    )
    try:
        with browser.open(request, timeout=TIMEOUT) as answer:
            return answer.read()
    except urllib.error.HTTPError as error:
        raise CheckFailedError(f"{patient}: {error.code} at {address.partition('?')[0]}") from None
