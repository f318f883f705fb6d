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
from app.web.list_views import ListPage, ListView
from app.web.views import Banner, PanelView, RecordForm, Tone
from app.web.wording import phrase

STATIC_PATH = "/static"
STATIC_FOLDER = Path(__file__).parent / "static"

_LEAVING = frozenset({"LT-120", "LT-203", "LT-401", "LT-402", "LT-403"})
_RETRY_HELPS = frozenset({"LT-201", "LT-900"})
_PANEL_GOES_ON = frozenset({"LT-411", "LT-412", "LT-413"})
_WINDOW_HELPS = frozenset({"LT-104"})
_HEADINGS = {
    "LT-104": "The panel could not start in this frame",
    "LT-120": "Wrong chart",
    "LT-201": "The chart could not be read",
    "LT-203": "Session over",
    "LT-401": "Session over",
    "LT-405": "The list cannot be shown",
    "LT-411": "Not recorded",
    "LT-412": "Not recorded",
    "LT-413": "No such entry",
}


@dataclass(frozen=True, slots=True)
class LaunchPage:
    """The page of one launch: where it finds its parts, and what it proves about itself.

    fingerprint: told back to the server with every request, so that it can refuse a page of another patient.
    idle_seconds: how long the session lives without use.  styled: whether the EHR suggests colours of its own.
    """

    launch_id: str
    fingerprint: str
    idle_seconds: int
    styled: bool = False

    @property
    def address(self) -> str:
        return f"/p/{self.launch_id}"

    @property
    def content(self) -> str:
        """The panel without the page around it."""
        return f"{self.address}/content"

    @property
    def whole(self) -> str:
        """The panel in one go, for browsers without script and for trying again."""
        return f"{self.address}?whole=1"

    @property
    def style(self) -> str:
        """The stylesheet with the EHR's colours."""
        return f"{self.address}/style.css"

    @property
    def printing(self) -> str:
        """The whole panel with every Why open."""
        return f"{self.address}?print=1"

    @property
    def records(self) -> str:
        """POST: something recorded in the visit."""
        return f"{self.address}/records"

    @property
    def keep(self) -> str:
        """POST: the session goes on."""
        return f"{self.address}/keep"

    @property
    def end(self) -> str:
        """POST: the session is over."""
        return f"{self.address}/end"


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
    environment.filters["phrase"] = phrase
    return environment


@cache
def static_url(name: str) -> str:
    """The address of a file of ours, which changes with its content."""
    digest = hashlib.sha256((STATIC_FOLDER / name).read_bytes()).hexdigest()[:12]
    return f"{STATIC_PATH}/{name}?v={digest}"


def render_shell(page: LaunchPage, banner: Banner | None = None) -> str:
    """The first paint: a skeleton, and a link for browsers without script.  Waits for no search.

    banner: whose chart, when that is already known; the content brings its own with it and replaces it.
    """
    return _environment().get_template("shell.html").render(page=page, banner=banner)


def render_panel(view: PanelView, page: LaunchPage, *, whole: bool = False, printing: bool = False) -> str:
    """The panel with its banner, as content for the shell or as a whole page.

    printing: a whole page with every Why open.
    """
    template = "whole.html" if whole or printing else "content.html"
    return (
        _environment()
        .get_template(template)
        .render(view=view, banner=view.banner, page=page, printing=printing)
    )


def render_record_form(form: RecordForm, page: LaunchPage) -> str:
    """The forms of one item, to be shown in place under it."""
    return _environment().get_template("forms.html").render(form=form, page=page)


def render_list(view: ListView, page: ListPage) -> str:
    """The clinic's list as a whole page."""
    return _environment().get_template("list.html").render(view=view, page=page)


def render_state(
    code: str, *, reference: str = "", detail: str = "", window_url: str = "", back_url: str = ""
) -> str:
    """A page without a panel: session over, EHR down, wrong chart, cookies blocked, or any error.

    code: of the catalogue in app.errors, whose sentence and next step are shown.  detail: what only this case
    knows, without patient data.  window_url: opens the panel outside the frame, shown where that can help.
    back_url: the panel this page came from, shown where it is still open.
    """
    return (
        _environment()
        .get_template("state.html")
        .render(
            entry=CATALOGUE[code],
            heading=_HEADINGS.get(code, "The panel cannot be shown"),
            detail=detail,
            reference=reference,
            leaving=code in _LEAVING,
            retry=code in _RETRY_HELPS,
            window_url=window_url if code in _WINDOW_HELPS else "",
            back_url=back_url if code in _PANEL_GOES_ON else "",
        )
    )
