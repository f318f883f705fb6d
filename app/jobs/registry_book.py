"""A list as a workbook: who needs what, every care gap in colour and words, the totals, and what it all rests on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path

from xlsxwriter.format import Format
from xlsxwriter.workbook import Workbook
from xlsxwriter.worksheet import Worksheet

from app.clinical.gaps import RULES
from app.jobs.registry import BANDS, LOWER_MARK, LTOT_WORDS, shown_completeness, shown_mme, withheld
from app.store.registry import Band, RegistryEntry, RunSummary

_FILLS = {
    "overdue": "#F8C9C4", "due_soon": "#FFE9A8", "met": "#CDEAC0",
    "unknown": "#DDDDDD", "not_applicable": "#FFFFFF", "excluded": "#FFFFFF", "deferred": "#FFE9A8",
}  # fmt: skip
_QUIET = frozenset({"not_applicable", "excluded"})
_GAPS = {rule.id: rule.name.replace("_", " ") for rule in RULES}
_PAGES_OF_GAPS = 4
_LINE = 12.5
"""Height of a line of Arial 9, in points."""
_A4, _LANDSCAPE_MARGINS = 9, {"left": 0.4, "right": 0.4, "top": 0.7, "bottom": 0.6}
_NOT_PROVEN = (
    "Who is not listed is not proven to be without opioids: the list shows what the export held. "
    "Cannot tell is never counted as no; at least means that the number may be higher."
)
Cell = str | int | Decimal | date | None


@dataclass(frozen=True, slots=True)
class _Column:
    """One column of the list.  width: in characters.  status: whose fill its cells get, "" for none."""

    title: str
    width: int
    cell: Callable[[RegistryEntry], Cell]
    status: Callable[[RegistryEntry], str] = lambda _: ""


_COLUMNS = (
    _Column("name", 20, lambda one: one.name),
    _Column("born", 10, lambda one: one.born),
    _Column("MRN", 11, lambda one: one.mrn),
    _Column("patient", 14, lambda one: one.patient),
    _Column(
        "long-term opioid therapy", 10, lambda one: LTOT_WORDS[one.ltot],
        lambda one: "unknown" if one.ltot == "cannot_tell" else "",
    ),
    _Column("since", 10, lambda one: one.ltot_since),
    _Column("MME a day", 9, lambda one: shown_mme(one.mme), lambda one: _mme_status(one.mme)),
    _Column(
        "MME is complete", 9, shown_completeness, lambda one: "" if one.mme_complete else "unknown",
    ),
    _Column(
        "risk", 10, lambda one: "cannot tell" if one.risk_tier == "unknown" else one.risk_tier,
        lambda one: "unknown" if one.risk_tier == "unknown" else "",
    ),
    _Column("prescriber", 16, lambda one: one.prescriber or "not known"),
    _Column(
        "overdue", 44, lambda one: ", ".join(_named(one, "overdue")),
        lambda one: "overdue" if one.gaps_overdue else "",
    ),
    _Column(
        "due soon", 24, lambda one: ", ".join(_named(one, "due_soon")),
        lambda one: "due_soon" if one.gaps_due_soon else "",
    ),
    _Column("cannot tell", 7, lambda one: one.gaps_unknown, lambda one: "unknown" if one.gaps_unknown else ""),
    _Column("covered days of 90", 9, lambda one: one.covered_days_90),
    _Column("MME, mean of 90 days", 10, lambda one: shown_mme(one.mme_avg_90)),
    _Column("exclusions", 16, lambda one: ", ".join(one.exclusions)),
)  # fmt: skip
_ON_PAPER = 13
"""So many of the columns are printed; the rest is for the screen, so that a page can be read."""


class _Book:
    """The workbook and its formats."""

    def __init__(self, path: Path, run: RunSummary) -> None:
        self.book = Workbook(str(path), {"strings_to_formulas": False, "strings_to_urls": False})
        self._run = run
        self.header = self._format(bold=True, text_wrap=True, valign="bottom", bottom=1, bg_color="#E8EDF2")
        self._formats: dict[tuple[str, str], Format] = {}

    def _format(self, **members: object) -> Format:
        return self.book.add_format({"font_name": "Arial", "font_size": 9, "valign": "top", **members})

    def format(self, kind: str, status: str = "") -> Format:
        """Words, days, tenths or counts, filled as the status is."""
        if (kind, status) not in self._formats:
            shape: dict[str, object] = {
                "words": {"text_wrap": True, "align": "left", "indent": 1},
                "day": {"num_format": "yyyy-mm-dd", "align": "left", "indent": 1},
                "tenth": {"num_format": "0.0"},
                "count": {"num_format": "0", "align": "left", "indent": 1},
            }[kind]
            fill = {"bg_color": _FILLS[status]} if status else {}
            if status in _QUIET:
                fill["font_color"] = "#5B6770"
            self._formats[kind, status] = self._format(**shape, border=1, border_color="#C9D1D8", **fill)
        return self._formats[kind, status]

    def sheet(self, name: str) -> Worksheet:
        """A sheet that prints on landscape pages of equal width, each with its heading and the day."""
        sheet = self.book.add_worksheet(name)
        sheet.set_landscape()
        sheet.set_paper(_A4)
        sheet.fit_to_pages(1, 0)
        sheet.set_margins(**_LANDSCAPE_MARGINS)
        sheet.set_header(f"&LOpioid therapy: {name}&RAs of {self._run.as_of.isoformat()}, {self._run.status}")
        sheet.set_footer(f"&LConfidential. Run {self._run.id[:12]}. Not the legal record.&RPage &P of &N")
        return sheet

    def write(self, sheet: Worksheet, row: int, column: int, cell: Cell, status: str = "") -> None:
        if isinstance(cell, date):
            moment = datetime.combine(cell, time())
            sheet.write_datetime(row, column, moment, self.format("day", status))
        elif isinstance(cell, Decimal):
            sheet.write_number(row, column, float(cell), self.format("tenth", status))
        elif isinstance(cell, int):
            sheet.write_number(row, column, cell, self.format("count", status))
        else:
            sheet.write_string(row, column, cell or "", self.format("words", status))


def write_book(path: Path, run: RunSummary, entries: Sequence[RegistryEntry]) -> None:
    """Four sheets: list, care gaps, totals, about."""
    book = _Book(path, run)
    _list(book, entries)
    _care_gaps(book, entries)
    _totals(book, entries)
    _about(book, run)
    book.book.close()


def _mme_status(mme: Decimal | None) -> str:
    return "unknown" if mme is None else "due_soon" if mme >= LOWER_MARK else ""


def _named(entry: RegistryEntry, status: str) -> list[str]:
    return [_GAPS.get(gap, gap) for gap, (found, _) in entry.gaps.items() if found == status]


def _list(book: _Book, entries: Sequence[RegistryEntry]) -> None:
    sheet = book.sheet("list")
    sheet.write_row(0, 0, [one.title for one in _COLUMNS], book.header)
    for place, column in enumerate(_COLUMNS):
        sheet.set_column(place, place, column.width)
    for row, entry in enumerate(entries, 1):
        cells = [column.cell(entry) for column in _COLUMNS]
        for place, (column, cell) in enumerate(zip(_COLUMNS, cells, strict=True)):
            book.write(sheet, row, place, cell, column.status(entry))
        lines = max(_lines(cell, column.width) for column, cell in zip(_COLUMNS, cells, strict=True))
        sheet.set_row(row, lines * _LINE)
    _framed(sheet, len(entries), len(_COLUMNS))
    sheet.print_area(0, 0, len(entries), _ON_PAPER - 1)


def _lines(cell: Cell, width: int) -> int:
    """How many lines a cell's words take: Arial 9 has about 14 letters where a column counts 10."""
    return max(1, -(-len(cell) * 10 // (width * 14))) if isinstance(cell, str) else 1


def _care_gaps(book: _Book, entries: Sequence[RegistryEntry]) -> None:
    sheet = book.sheet("care gaps")
    gaps = sorted({gap for entry in entries for gap in entry.gaps})
    sheet.write_row(0, 0, ["name", "patient", *(f"{gap} {_GAPS.get(gap, '')}" for gap in gaps)], book.header)
    sheet.set_column(0, 0, 22)
    sheet.set_column(1, 1, 16)
    sheet.set_column(2, 1 + len(gaps), 12)
    sheet.fit_to_pages(_PAGES_OF_GAPS, 0)
    sheet.repeat_columns(0, 1)
    for row, entry in enumerate(entries, 1):
        book.write(sheet, row, 0, entry.name)
        book.write(sheet, row, 1, entry.patient)
        for place, gap in enumerate(gaps, 2):
            status = entry.gaps[gap][0] if gap in entry.gaps else ""
            book.write(sheet, row, place, _status_word(status), status)
    _framed(sheet, len(entries), 2 + len(gaps))


def _status_word(status: str) -> str:
    return "cannot tell" if status == "unknown" else status.replace("_", " ")


def _framed(sheet: Worksheet, rows: int, columns: int) -> None:
    """Names and headings stay in sight, on the screen and on paper."""
    sheet.set_row(0, 3 * _LINE)
    sheet.freeze_panes(1, 1)
    sheet.repeat_rows(0)
    sheet.autofilter(0, 0, max(rows, 1), columns - 1)


def _totals(book: _Book, entries: Sequence[RegistryEntry]) -> None:
    sheet = book.sheet("totals")
    sheet.write_row(0, 0, ["of those listed", "value", "patients"], book.header)
    for row, cells in enumerate(_counted(entries), 1):
        for column, cell in enumerate(cells):
            book.write(sheet, row, column, cell)
    sheet.set_column(0, 0, 44)
    sheet.set_column(1, 2, 18)
    sheet.freeze_panes(1, 0)
    sheet.repeat_rows(0)


def _counted(entries: Sequence[RegistryEntry]) -> Iterator[tuple[str, str, Cell]]:
    """Measure, value and count; small counts are withheld, since this sheet is passed on alone."""
    yield "patients", "all", len(entries)
    therapy = {word: sum(one.ltot == value for one in entries) for value, word in LTOT_WORDS.items()}
    bands = {name: sum(_is_in(one, band) for one in entries) for name, band in BANDS.items()}
    tables = {"long-term opioid therapy": therapy, "MME a day": bands}
    for gap in sorted({gap for entry in entries for gap in entry.gaps}):
        found = [entry.gaps[gap][0] for entry in entries if gap in entry.gaps]
        tables[f"{gap} {_GAPS.get(gap, '')}"] = {
            _status_word(status): found.count(status) for status in _FILLS if status in found
        }
    for measure, counts in tables.items():
        for value, shown in withheld(counts).items():
            yield measure, value, int(shown) if shown.isdecimal() else shown


def _is_in(entry: RegistryEntry, band: Band) -> bool:
    if entry.mme is None or not band.number:
        return (entry.mme is None) is (not band.number)
    above = band.low is None or entry.mme >= band.low
    return above and (band.high is None or entry.mme < band.high)


def _about(book: _Book, run: RunSummary) -> None:
    """What the list rests on, so that a printed copy can be traced."""
    sheet = book.sheet("about")
    sheet.write_row(0, 0, ["fact", "value"], book.header)
    for row, fact in enumerate(_facts(run), 1):
        for column, cell in enumerate(fact):
            book.write(sheet, row, column, cell)
        sheet.set_row(row, max(_lines(fact[0], 34), _lines(fact[1], 90)) * _LINE)
    sheet.set_column(0, 0, 34)
    sheet.set_column(1, 1, 90)
    sheet.freeze_panes(1, 0)


def _facts(run: RunSummary) -> Iterator[tuple[str, Cell]]:
    record = run.record
    yield "how to read it", _NOT_PROVEN
    yield "run", run.id
    yield "as of", run.as_of.isoformat()
    yield (
        "newest export taken",
        run.taken.isoformat(sep=" ", timespec="minutes") if run.taken else "not known",
    )
    yield "status", run.status
    yield from (("incomplete", reason) for reason in record["reasons"])
    yield "people in the export", record["patients"]
    yield "with an opioid", record["patients_with_opioid"]
    yield "with an opioid: cannot tell", record["opioid_cannot_tell"]
    yield "on long-term opioid therapy", record["on_ltot"]
    yield "on long-term opioid therapy: cannot tell", record["ltot_cannot_tell"]
    entries = record["visit_entries"]
    yield "entries recorded in visits", "not counted" if entries is None else entries
    yield "lines set aside", record["set_aside"]
    yield from ((f"version of {name}", str(value)) for name, value in sorted(record["versions"].items()))
    yield from ((f"resources: {kind}", count) for kind, count in sorted(record["resources"].items()))
    for file in record["inputs"]:
        yield f"source: {file['name']}", f"{file['lines']} lines, SHA-256 {file['sha256']}"
