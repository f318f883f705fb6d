"""A small server that shows every sample state under the product's own headers, and a browser to look at it."""

import threading
import time
from collections.abc import Iterator

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from app.web.presenters import banner, panel_view
from app.web.render import STATIC_FILES, STATIC_PATH, PageLinks, render_panel, render_shell, render_state
from app.web.security import SameOriginGuard, SecurityHeaders
from tests.chromium import browser, context, page
from tests.web.samples import AS_OF, ERROR_STATES, NOW, PERSON, STATES

__all__ = ["browser", "context", "page"]


class Site:
    """The pages of one launch per sample; `answers` changes what a fragment request meets."""

    def __init__(self) -> None:
        self.base = ""
        self.fragment_status: list[str] = []
        self.delay = 0.0
        self.idle_seconds = 900
        self.posts: list[str] = []
        self.fingerprints: list[str] = []

    def links(self, state: str) -> PageLinks:
        return PageLinks(
            fragment=f"/p/{state}/panel",
            page=f"/p/{state}/full",
            printing=f"/p/{state}/full?print=1",
            extend=f"/p/{state}/extend",
            end=f"/p/{state}/end",
            fingerprint="f1",
            idle_seconds=self.idle_seconds,
        )

    def shell(self, request: Request) -> Response:
        shown = banner(PERSON, AS_OF, full=False)
        return HTMLResponse(render_shell(shown, self.links(request.path_params["state"])))

    def fragment(self, request: Request) -> Response:
        self.fingerprints.append(request.headers.get("x-ltot-patient", ""))
        time.sleep(self.delay)
        if self.fragment_status:
            code = self.fragment_status.pop(0)
            retry = self.links(request.path_params["state"]).page
            return HTMLResponse(render_state(code, fragment=True, reference="r1", retry_url=retry), 503)
        return self._panel(request, whole=False)

    def full(self, request: Request) -> Response:
        return self._panel(request, whole=True)

    def _panel(self, request: Request, *, whole: bool) -> Response:
        state = request.path_params["state"]
        view = panel_view(STATES[state], PERSON, NOW)
        printing = "print" in request.query_params
        return HTMLResponse(
            render_panel(view, self.links(state), whole=whole, printing=printing, reference="r1")
        )

    def error(self, request: Request) -> Response:
        code = ERROR_STATES[request.path_params["state"]]
        text = render_state(code, reference="r1", retry_url="/p/complete/full", window_url="/p/complete")
        return HTMLResponse(text, 403)

    def post(self, request: Request) -> Response:
        self.posts.append(request.url.path.rsplit("/", 1)[1])
        return Response(status_code=204)

    def app(self, base_url: str) -> SecurityHeaders:
        routes = [
            Route("/p/{state}", self.shell),
            Route("/p/{state}/panel", self.fragment),
            Route("/p/{state}/full", self.full),
            Route("/p/{state}/extend", self.post, methods=["POST"]),
            Route("/p/{state}/end", self.post, methods=["POST"]),
            Route("/state/{state}", self.error),
            Mount(STATIC_PATH, StaticFiles(directory=STATIC_FILES)),
        ]
        return SecurityHeaders(SameOriginGuard(Starlette(routes=routes), base_url=base_url), https=False)


@pytest.fixture
def site() -> Iterator[Site]:
    """The samples served on a free loopback port."""
    shown = Site()
    server = uvicorn.Server(
        uvicorn.Config(shown.app("http://127.0.0.1"), host="127.0.0.1", port=0, log_level="error", lifespan="off")
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    shown.base = f"http://127.0.0.1:{port}"
    yield shown
    server.should_exit = True
    thread.join(timeout=10)
