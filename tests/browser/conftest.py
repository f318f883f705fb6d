"""A small server that shows every sample state under the product's own headers, and a browser to look at it."""

import threading
import time
from collections.abc import Iterator

import pytest
import uvicorn
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from app.web.presenters import banner, panel_view
from app.web.render import STATIC_FOLDER, STATIC_PATH, LaunchPage, render_panel, render_shell, render_state
from app.web.security import SecuredApp
from tests.chromium import browser, context, page
from tests.web.samples import AS_OF, ERROR_STATES, NOW, PERSON, STATES

__all__ = ["browser", "context", "page"]


class Site:
    """The pages of one launch per sample; its attributes change what the next requests meet."""

    def __init__(self) -> None:
        self.base = ""
        self.banner_known = False
        self.failures: list[str] = []
        self.post_state = ""
        self.may_answer = threading.Event()
        self.may_answer.set()
        self.idle_seconds = 900
        self.posts: list[str] = []
        self.fingerprints: list[str] = []

    def page(self, state: str) -> LaunchPage:
        return LaunchPage(state, fingerprint="f1", idle_seconds=self.idle_seconds)

    def shell(self, request: Request) -> Response:
        """First paint, or the whole page."""
        state, query = request.path_params["state"], request.query_params
        if query:
            return self._panel(state, whole=True, printing="print" in query)
        shown = banner(PERSON, AS_OF, full=False) if self.banner_known else None
        return HTMLResponse(render_shell(self.page(state), shown))

    def content(self, request: Request) -> Response:
        self.fingerprints.append(request.headers.get("x-ltot-patient", ""))
        self.may_answer.wait()
        if self.failures:
            return HTMLResponse(render_state(self.failures.pop(0), reference="r1"), 503)
        return self._panel(request.path_params["state"])

    def _panel(self, state: str, *, whole: bool = False, printing: bool = False) -> Response:
        view = panel_view(STATES[state], PERSON, NOW)
        return HTMLResponse(render_panel(view, self.page(state), whole=whole, printing=printing))

    def error(self, request: Request) -> Response:
        code = ERROR_STATES[request.path_params["state"]]
        return HTMLResponse(render_state(code, reference="r1", window_url="/p/complete"), 403)

    def post(self, request: Request) -> Response:
        self.posts.append(request.url.path.rsplit("/", 1)[1])
        return (
            HTMLResponse(render_state(self.post_state), 401) if self.post_state else Response(status_code=204)
        )

    def app(self) -> SecuredApp:
        routes = [
            Route("/p/{state}", self.shell),
            Route("/p/{state}/content", self.content),
            Route("/p/{state}/keep", self.post, methods=["POST"]),
            Route("/p/{state}/end", self.post, methods=["POST"]),
            Route("/state/{state}", self.error),
            Mount(STATIC_PATH, StaticFiles(directory=STATIC_FOLDER)),
        ]
        return SecuredApp(base_url="http://127.0.0.1", routes=routes)


@pytest.fixture
def site() -> Iterator[Site]:
    """The samples served on a free loopback port."""
    shown = Site()
    server = uvicorn.Server(
        uvicorn.Config(shown.app(), host="127.0.0.1", port=0, log_level="error", lifespan="off")
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    shown.base = f"http://127.0.0.1:{port}"
    yield shown
    shown.may_answer.set()
    server.should_exit = True
    thread.join()
