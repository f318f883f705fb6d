"""What the template of the clinic's list receives: words and shapes, nothing left to decide."""

from __future__ import annotations

from dataclasses import dataclass

from app.web.views import Notice, Tone


@dataclass(frozen=True, slots=True)
class Choice:
    """One answer of a filter."""

    value: str
    word: str
    chosen: bool = False


@dataclass(frozen=True, slots=True)
class Filter:
    """One filter as a list to choose from; `name` is sent, `label` read."""

    name: str
    label: str
    choices: tuple[Choice, ...]

    @property
    def value(self) -> str:
        return next((one.value for one in self.choices if one.chosen), "")


@dataclass(frozen=True, slots=True)
class ListRow:
    """One patient.  who: the name, or the id where there is none.  overdue: names of care gaps."""

    who: str
    about: str
    therapy: tuple[Tone, str]
    since: str
    mme: tuple[Tone, str]
    overdue: tuple[str, ...]
    further: str
    recorded: str
    tier: str
    prescriber: str


@dataclass(frozen=True, slots=True)
class ListView:
    """The page.  fresh: what the list rests on.  state: hidden members that ask for this list again."""

    headline: str
    fresh: tuple[str, ...]
    notices: tuple[Notice, ...]
    filters: tuple[Filter, ...]
    rows: tuple[ListRow, ...]
    state: tuple[tuple[str, str], ...]
    position: str
    before: int
    after: int
    printed: str
    has_run: bool


@dataclass(frozen=True, slots=True)
class ListPage:
    """The addresses of one launch of the list.  idle_seconds: how long the session lives without use."""

    launch_id: str
    idle_seconds: int

    @property
    def address(self) -> str:
        return f"/population/{self.launch_id}"
