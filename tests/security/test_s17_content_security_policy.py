"""S-17: every answer, errors included, has a policy from nothing upwards and may be framed by its own EHR only."""

from tests.security.walk import routes, visit
from tests.security.world import World

FRAMED = {
    "GET /launch",
    "GET /launch/{tenant_id}",
    "GET /callback",
    "whole",
    "print",
    "json",
    "over",
    "foreign",
}


async def test_every_answer_carries_the_policy(world: World) -> None:
    answers = await visit(world)
    assert {f"{method} {path}" for method, path in routes(world)} <= set(answers)
    for name, answer in answers.items():
        directives = dict(
            part.strip().split(" ", 1) for part in answer.headers["content-security-policy"].split(";")
        )
        assert directives["default-src"] == "'none'", name
        assert directives["base-uri"] == "'none'", name
        assert directives["form-action"] == "'self'", name
        for kind in ("script-src", "style-src", "img-src", "connect-src"):
            assert directives[kind] == "'self'", name
        is_framed = name in FRAMED or " /p/{launch_id}" in name
        own = "https://north.example.org" if is_framed else "'none'"
        assert directives["frame-ancestors"] == own, name
        assert "x-frame-options" not in answer.headers, name


async def test_no_page_holds_inline_script_or_style(world: World) -> None:
    for name, answer in (await visit(world)).items():
        if "text/html" in answer.headers.get("content-type", ""):
            assert " style=" not in answer.text, name
            assert " onclick=" not in answer.text, name
            assert "<style" not in answer.text, name
            assert answer.text.count("<script") == answer.text.count("<script src="), name
