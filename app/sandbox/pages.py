"""HTML of the sandbox: escaped templates, one stylesheet, no script, strict headers."""

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlencode, urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import Response

from app.sandbox.site import Site

TEMPLATES = Path(__file__).parent / "templates"
_ENVIRONMENT = Environment(
    loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True
)


def render(
    template: str, *, status: int = 200, csp: Mapping[str, str] | None = None, **values: object
) -> Response:
    """A page with a policy that allows our stylesheet and nothing else, plus what `csp` adds."""
    policy = {
        "default-src": "'none'",
        "style-src": "'self'",
        "form-action": "'self'",
        "base-uri": "'none'",
        **(csp or {}),
    }
    headers = {
        "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in policy.items()),
        "Cache-Control": "no-store",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }
    html = _ENVIRONMENT.get_template(template).render(**values)
    return Response(html, status, headers, "text/html")


def origin(url: str) -> str:
    """Scheme, host and port of a URL, for a policy."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def picker(site: Site, params: Mapping[str, str]) -> Response:
    """The patient picker of a standalone launch; its form may lead to the app's redirect URI only."""
    return render(
        "picker.html",
        csp={"form-action": f"'self' {origin(params['redirect_uri'])}"},
        action=f"{site.profile.authorize_path}/choose",
        request=urlencode(dict(params)),
        cards=site.cards,
        users=list(site.users.values()),
    )
