"""S-20: whatever the chart holds is shown as text, never as markup."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from enum import Enum
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Struct, structs

from app.web.presenters import panel_view
from app.web.render import render_panel, render_state
from tests.web import samples
from tests.web.reading import read

MARKUP = st.sampled_from(
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        '"><svg onload=alert(1)>',
        "</textarea><script>alert(1)</script>",
        "</template></details></main>",
        "' onfocus='alert(1)' autofocus='",
        "{{ 7*7 }}{% raw %}",
        "javascript:alert(1)",
        "<!--",
        "&lt;b&gt;",
        "\u202e<b>\u2066",
    ]
)
HOSTILE = st.builds(lambda a, b, c: a + b + c, st.text(max_size=5), MARKUP, st.text(max_size=5))


def spoilt(value: Any, text: str) -> Any:
    """The same value with the text in every free string."""
    if isinstance(value, Enum):
        return value
    if isinstance(value, str):
        return text
    if isinstance(value, tuple):
        return tuple(spoilt(one, text) for one in value)
    if isinstance(value, Mapping):
        return {key: spoilt(one, text) for key, one in value.items()}
    if isinstance(value, Struct):
        return structs.replace(
            value, **{name: spoilt(getattr(value, name), text) for name in value.__struct_fields__}
        )
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{f.name: spoilt(getattr(value, f.name), text) for f in fields(value)})
    return value


def shape(html: str) -> list[tuple[str, list[str]]]:
    """Elements and the names of their attributes, in order."""
    return [(tag, sorted(attributes)) for tag, attributes in read(html).elements]


@given(HOSTILE, st.sampled_from(["partial", "high-dose", "hospice"]))
@settings(deadline=None)
def test_hostile_strings_add_no_element_and_no_attribute(text: str, state: str) -> None:
    def drawn(text: str) -> str:
        evaluation = spoilt(samples.STATES[state], text)
        view = panel_view(evaluation, spoilt(samples.PERSON, text), samples.NOW, full_banner=True)
        return render_panel(view, samples.PAGE, whole=True)

    assert shape(drawn(text)) == shape(drawn("harmless"))


@given(HOSTILE)
@settings(deadline=None)
def test_hostile_detail_of_an_error_is_text(text: str) -> None:
    assert shape(render_state("LT-201", detail=text)) == shape(render_state("LT-201", detail="harmless"))


def test_hostile_drug_name_is_readable_as_it_is() -> None:
    name = '<b>oxycodone</b> & "co"'
    line = structs.replace(samples.OXYCODONE, drug_name=name)
    view = panel_view(structs.replace(samples.COMPLETE, mme=samples.mme(line)), samples.PERSON, samples.NOW)
    assert f"{name}: 10 mg × 120" in read(render_panel(view, samples.PAGE)).text


def test_no_page_holds_inline_script_or_style() -> None:
    for evaluation in samples.STATES.values():
        view = panel_view(evaluation, samples.PERSON, samples.NOW)
        for tag, attributes in read(render_panel(view, samples.PAGE, whole=True)).elements:
            assert tag != "style"
            assert tag != "script" or attributes["src"]
            assert not [name for name in attributes if name == "style" or name.startswith("on")]


def test_nothing_of_the_patient_is_in_title_or_addresses() -> None:
    view = panel_view(samples.COMPLETE, samples.PERSON, samples.NOW)
    html = render_panel(view, samples.PAGE, whole=True)
    assert "<title>Opioid therapy panel</title>" in html
    for _, attributes in read(html).elements:
        for name in ("href", "src", "action", "data-content", "data-keep", "data-end"):
            address = attributes.get(name) or ""
            assert "Rivera" not in address
            assert "4417" not in address
            assert "p1" not in address
