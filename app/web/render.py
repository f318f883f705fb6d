"""HTML of the panel: the first paint, the full panel, and every state in which there is none.

Pure: the same arguments give the same text.  Templates escape everything; no title, address or attribute
that leaves the page holds data of the patient.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from app.errors import CATALOGUE
from app.web.views import Banner, PanelView, Tone

STATIC_PATH = "/static"
STATIC_FILES = Path(__file__).parent / "static"

_LEAVING = frozenset({"LT-120", "LT-203", "LT-401", "LT-402", "LT-403"})
_RETRY_HELPS = frozenset({"LT-201", "LT-900"})
_WINDOW_HELPS = frozenset({"LT-104"})
_HEADINGS = {
    "LT-104": "The panel could not start in this frame",
    "LT-120": "Wrong chart",
    "LT-201": "The EHR did not answer",
    "LT-203": "Session over",
    "LT-401": "Session over",
}


@dataclass(frozen=True, slots=True)
class PageLinks:
    """Where the page of one launch finds its parts, and what it proves about itself.

    fragment: the panel without the page around it; page: the whole panel in one go, for browsers without
    script and for trying again; printing: the page with every Why open; extend, end: POST addresses of the
    session; style: the stylesheet with the EHR's colours, "" when there is none.  fingerprint: told back to
    the server with every request, so that it can refuse a page of another patient.  idle_seconds: how long
    the session lives without use.
    """

    fragment: str
    page: str
    printing: str
    extend: str
    end: str
    fingerprint: str
    idle_seconds: int
    style: str = ""


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("app.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(static=static_url, Tone=Tone)
    return environment


@cache
def static_url(name: str) -> str:
    """The address of a file of ours, which changes with its content."""
    digest = hashlib.sha256((STATIC_FILES / name).read_bytes()).hexdigest()[:12]
    return f"{STATIC_PATH}/{name}?v={digest}"


def render_shell(banner: Banner, links: PageLinks) -> str:
    """The first paint: whose chart, a skeleton, and a link for browsers without script.  Waits for no search."""
    return _environment().get_template("shell.html").render(banner=banner, links=links)


def render_panel(
    view: PanelView, links: PageLinks, *, whole: bool = False, printing: bool = False, reference: str = ""
) -> str:
    """The panel as a fragment, or as a whole page.

    printing: a whole page with every Why open.  reference: the id under which this request can be found.
    """
    template = "page.html" if whole or printing else "panel.html"
    return _environment().get_template(template).render(
        view=view, banner=view.banner, links=links, printing=printing, reference=reference
    )


def render_state(
    code: str,
    *,
    reference: str = "",
    detail: str = "",
    fragment: bool = False,
    retry_url: str = "",
    window_url: str = "",
) -> str:
    """A state without a panel: session over, EHR down, wrong chart, cookies blocked, or any error.

    code: of the catalogue in app.errors, whose sentence and next step are shown.  detail: what only this case
    knows, without patient data.  retry_url, window_url: shown only where trying again, or a window of its own,
    can help.  fragment: to be put into a page that is already there.
    """
    entry = CATALOGUE[code]
    heading = _HEADINGS.get(code, "The panel cannot be shown")
    return _environment().get_template("state.html" if fragment else "state_page.html").render(
        entry=entry,
        heading=heading,
        level=2 if fragment else 1,
        detail=detail,
        reference=reference,
        leaving=code in _LEAVING,
        retry_url=retry_url if code in _RETRY_HELPS else "",
        window_url=window_url if code in _WINDOW_HELPS else "",
    )
