"""From the registry to the words and shapes of the clinic's list.  Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from app.clinical.evaluation import Status
from app.clinical.words import counted, day
from app.jobs.population_list import GAPS, ROWS, Asked, OpenedList
from app.jobs.registry import BANDS, LOWER_MARK, shown_mme
from app.store.registry import Order, RegistryEntry, RunSummary
from app.web.list_views import Choice, Filter, ListRow, ListView
from app.web.views import Notice, Tone
from app.web.wording import age, clock, phrase, plain

_THERAPY = {
    "yes": (Tone.INFO, "Yes"),
    "no": (Tone.OK, "No"),
    "cannot_tell": (Tone.UNKNOWN, "Cannot tell"),
}
_BANDS = {
    "0": "0", "1-49": "above 0, below 50", "50-89": "50, below 90", "90+": "90 or more", "unknown": "not known",
}  # fmt: skip
_ORDERS = {
    Order.OVERDUE: "most overdue first",
    Order.MME: "highest MME first",
    Order.SINCE: "longest therapy first",
    Order.PRESCRIBER: "by prescriber",
    Order.PATIENT: "by patient id",
}
_TIERS = {"low": "Low", "moderate": "Moderate", "high": "High"}
_NO_PROOF = (
    "Who is not listed is not proven to be without opioids: the list shows what this EHR's export held. "
    "Cannot tell is never counted as no."
)


def list_view(opened: OpenedList) -> ListView:
    """Everything the page says."""
    asked, listing = opened.asked, opened.listing
    printed = f"Printed {day(opened.read_at.date())} {clock(opened.read_at)}. Not the legal record."
    if listing is None:
        return ListView("No run is loaded yet", (), (), (), (), (), "", 0, 0, printed, has_run=False)
    first = (asked.page - 1) * ROWS
    shown = len(listing.entries)
    place = f"{first + 1} to {first + shown} of {listing.total}" if shown else "Nobody fits"
    return ListView(
        headline=counted(listing.total, "patient"),
        fresh=tuple(_fresh(listing.run, opened.read_at)),
        notices=tuple(_notices(listing.run)),
        filters=tuple(_filters(opened)),
        rows=tuple(_row(entry, listing.run, opened.since.get(entry.patient, 0)) for entry in listing.entries),
        state=tuple(_state(asked)),
        position=place,
        before=asked.page - 1,
        after=asked.page + 1 if asked.page < opened.pages else 0,
        printed=f"{printed} List as of {day(listing.run.as_of)}",
        has_run=True,
    )


def _fresh(run: RunSummary, now: datetime) -> Iterator[str]:
    record = run.record
    taken = f"export taken {_at(run.taken, now)}" if run.taken else "when the export was taken is not known"
    yield f"As of {day(run.as_of)}, {taken}, loaded {_at(run.loaded_at, now)}."
    yield (
        f"{counted(record['patients'], 'person', 'people')} in the export, "
        f"{record['patients_with_opioid']} with an opioid, cannot tell for {record['opioid_cannot_tell']}."
    )
    yield f"{record['on_ltot']} on long-term opioid therapy, cannot tell for {record['ltot_cannot_tell']}."
    entries = record["visit_entries"]
    yield (
        "What was recorded in visits is not counted."
        if entries is None
        else f"{counted(entries, 'entry', 'entries')} recorded in visits counted."
    )


def _at(moment: datetime, now: datetime) -> str:
    here = moment.astimezone(now.tzinfo)
    return f"{day(here.date())} {clock(here)}"


def _notices(run: RunSummary) -> Iterator[Notice]:
    if run.status != "complete":
        why = "; ".join(run.record["reasons"])
        yield Notice(Tone.WARNING, f"The export was not complete: {why}. More may be open than is shown.")
    if aside := run.record["set_aside"]:
        yield Notice(
            Tone.WARNING,
            f"{counted(aside, 'line')} of the export could not be used and {'was' if aside == 1 else 'were'} "
            "set aside; the patients they name are judged as not fully known.",
        )
    yield Notice(Tone.UNKNOWN, _NO_PROOF)


def _filters(opened: OpenedList) -> Iterator[Filter]:
    asked = opened.asked
    yield _filter("ltot", "Long-term opioid therapy", asked.ltot, ((v, w) for v, (_, w) in _THERAPY.items()))
    yield _filter("mme", "MME a day", asked.mme, ((band, _BANDS[band]) for band in BANDS))
    gaps = ((id_, phrase(name)) for id_, name in sorted(GAPS.items(), key=lambda pair: pair[1]))
    yield _filter("gap", "Care gap", asked.gap, gaps)
    states = ((one.value, _word(one)) for one in Status)
    yield _filter(
        "status", "Its status", asked.status, states, nothing="open: overdue, due soon, cannot tell"
    )
    yield _filter("prescriber", "Prescriber", asked.prescriber, ((one, one) for one in opened.prescribers))
    runs = tuple(Choice(run.id, _which(run, opened.read_at), run.id == asked.run) for run in opened.runs)
    yield Filter("run", "Run", runs)
    orders = tuple(Choice(order.value, word, order is asked.order) for order, word in _ORDERS.items())
    yield Filter("order", "Sorted", orders)


def _which(run: RunSummary, now: datetime) -> str:
    """Enough to tell two runs of one day apart."""
    taken = f"export of {_at(run.taken, now)}" if run.taken else f"loaded {_at(run.loaded_at, now)}"
    return f"{day(run.as_of)}, {run.status}, {taken}"


def _filter(
    name: str, label: str, chosen: str, choices: Iterable[tuple[str, str]], nothing: str = "all"
) -> Filter:
    offered = tuple(Choice(value, word, value == chosen) for value, word in choices)
    return Filter(name, label, (Choice("", nothing, not chosen), *offered))


def _word(status: Status) -> str:
    return "cannot tell" if status is Status.UNKNOWN else status.value.replace("_", " ")


def _state(asked: Asked) -> Iterator[tuple[str, str]]:
    for name in Asked.__slots__:
        if name != "page":
            yield name, str(getattr(asked, name))


def _row(entry: RegistryEntry, run: RunSummary, since: int) -> ListRow:
    born = day(entry.born) if entry.born else ""
    if entry.born and entry.born <= run.as_of:
        born += f" ({age(entry.born, run.as_of)} y)"
    mrn = f"MRN {entry.mrn}" if entry.mrn else f"id {entry.patient}"
    overdue = tuple(
        phrase(GAPS.get(gap, gap)) for gap, (status, _) in entry.gaps.items() if status == "overdue"
    )
    further = [
        f"{count} {word}"
        for count, word in ((entry.gaps_due_soon, "due soon"), (entry.gaps_unknown, "cannot tell"))
        if count
    ]
    return ListRow(
        who=entry.name or entry.patient,
        about=" · ".join(part for part in (born, mrn) if part),
        therapy=_THERAPY[entry.ltot],
        since=f"since {day(entry.ltot_since)}" if entry.ltot_since else "",
        mme=_mme(entry),
        overdue=overdue,
        further=", ".join(further),
        recorded=f"{since} recorded in visits, not counted here" if since else "",
        tier=_TIERS.get(entry.risk_tier, "Cannot tell"),
        prescriber=entry.prescriber or "not known",
    )


def _mme(entry: RegistryEntry) -> tuple[Tone, str]:
    value = shown_mme(entry.mme)
    if isinstance(value, str):
        return Tone.UNKNOWN, "Not known"
    number = plain(value)
    said = number if entry.mme_complete else f"At least {number}"
    if entry.mme is not None and entry.mme >= LOWER_MARK:
        return Tone.WARNING, said
    return (Tone.INFO if entry.mme_complete else Tone.UNKNOWN), said
