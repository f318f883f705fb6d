"""A page as its reader meets it: what is seen at first glance, what opens, and of which elements it consists."""

from dataclasses import dataclass, field
from html.parser import HTMLParser

from app.clinical.evaluation import Evaluation
from app.web.presenters import panel_view
from app.web.render import render_panel
from tests.web.samples import NOW, PAGE, PERSON

VOID = {"br", "meta", "link", "rect", "path"}
UNSEEN = {"script", "style", "template", "title", "noscript"}


@dataclass
class Page(HTMLParser):
    """`glance` leaves out what is folded; `text` has everything a person can open."""

    glance_parts: list[str] = field(default_factory=list)
    text_parts: list[str] = field(default_factory=list)
    elements: list[tuple[str, dict[str, str | None]]] = field(default_factory=list)
    open_elements: list[tuple[str, bool]] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        self.elements.append((tag, named))
        if tag not in VOID:
            self.open_elements.append((tag, tag == "details" and "open" not in named))

    def handle_endtag(self, tag: str) -> None:
        if tag in VOID:
            return
        opened, _ = self.open_elements.pop()
        assert opened == tag, f"<{opened}> is closed by </{tag}>"

    def handle_data(self, data: str) -> None:
        tags = [tag for tag, _ in self.open_elements]
        if UNSEEN & set(tags) or not data.strip():
            return
        self.text_parts.append(data.strip())
        inside = [*tags[1:], ""]
        if not any(
            closed and inside[place] != "summary" for place, (_, closed) in enumerate(self.open_elements)
        ):
            self.glance_parts.append(data.strip())

    @property
    def glance(self) -> str:
        return " ".join(" ".join(self.glance_parts).split())

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.text_parts).split())


def read(html: str) -> Page:
    page = Page()
    page.feed(html)
    page.close()
    assert page.open_elements == []
    return page


def panel(evaluation: Evaluation, *, printing: bool = False) -> Page:
    """The whole panel of an evaluation, read."""
    view = panel_view(evaluation, PERSON, NOW)
    return read(render_panel(view, PAGE, whole=True, printing=printing))
