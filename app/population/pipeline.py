"""One run over an export, whatever the engine: scan, find, keep, derive."""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import msgspec
from msgspec.structs import replace

from app.population.apart import require_apart
from app.population.census import Census, census_of, unread_rows
from app.population.derive import Tally
from app.population.drugs import Verdict
from app.population.engine import Engine, Shards
from app.population.exports import EVERY, Inputs
from app.population.keep import Keeper, Recorded, Wanted
from app.population.linked import told_too_little
from app.population.moved import left_behind
from app.population.outputs import TableWriter
from app.population.parts import MAX_LINE, PART_BYTES, Part, parts_of
from app.population.rows import DRUG_KINDS, SetAside
from app.population.scan import Summary, settle_medications

SHARD_PATIENTS = 50
MOST_SHARDS = 4096
_COUNTED_AT_ONCE = 1_000_000


@dataclass(frozen=True, slots=True)
class Limits:
    """How inputs are cut.  max_line: longer lines are set aside.  shard_patients: evaluated together."""

    part_bytes: int = PART_BYTES
    max_line: int = MAX_LINE
    shard_patients: int = SHARD_PATIENTS


class InputFile(msgspec.Struct):
    """One file that was read.  sha256: of its bytes; of a file read in several parts, of their digests."""

    name: str
    bytes: int
    parts: int
    lines: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Found:
    """What a run saw besides its tables."""

    files: list[InputFile]
    kinds: dict[str, int]
    people: int
    suspects: int
    lines: int
    set_aside: list[SetAside]
    census: Census
    tally: Tally
    recorded: Recorded


def nothing_recorded(_: Sequence[str]) -> Recorded:
    return {}


def run(
    inputs: Inputs,
    engine: Engine,
    tables: TableWriter,
    limits: Limits,
    outdated_before: float,
    recorded: Callable[[Sequence[str]], Recorded] = nothing_recorded,
) -> Found:
    """Evaluate everyone in the inputs who has an opioid.  Raises LtotError LT-511.

    outdated_before: exports taken earlier are too old.  recorded: asked once, for what was recorded in the visits
    of the patients who may have one.
    """
    parts = list(_parts(inputs, limits))
    summaries = list(engine.scan(parts))
    _require_apart(inputs, parts, summaries)
    parts = _numbered(parts, summaries)
    aside = [row for part, one in zip(parts, summaries, strict=True) for row in _numbered_rows(part, one)]
    aside += inputs.set_aside
    census = census_of(inputs, _lines(parts, summaries), aside, outdated_before)
    medications = settle_medications(summaries) | dict.fromkeys(census.lost_drugs, Verdict.MAYBE)
    untold = set[str]().union(*(export.untold for export in inputs.exports.values()))
    suspected = untold.union(*engine.suspects(medications, len(parts)))
    left = _left(engine, parts, summaries)
    census.linked = _linked(inputs, summaries, suspected, left)
    suspects = sorted(suspected.union(census.linked))
    size = max(limits.shard_patients, -(-len(suspects) // MOST_SHARDS))
    wanted = Wanted(suspects, size, inputs.deletions(), left, recorded(suspects))
    _keep(engine, parts, wanted)
    damages: dict[int, list[SetAside]] = {}
    for shard, row in Keeper(wanted).damages([*aside, *unread_rows(inputs)]):
        damages.setdefault(shard, []).append(row)
    tally = Tally()
    for derived in engine.derive(census, damages):
        tables.add(derived.batches)
        tally.add(derived.tally)
        aside += derived.set_aside
    return Found(
        _files(inputs, parts, summaries),
        _kinds(summaries),
        _people(summaries),
        len(suspects),
        sum(sum(one.kinds.values()) + len(one.set_aside) for one in summaries),
        aside,
        census,
        tally,
        wanted.recorded,
    )


def _require_apart(inputs: Inputs, parts: Sequence[Part], summaries: Sequence[Summary]) -> None:
    servers = inputs.known_servers()
    require_apart(
        (servers[part.name], array("Q", one.claims))
        for part, one in zip(parts, summaries, strict=True)
        if part.name in servers
    )


def _left(engine: Engine, parts: Sequence[Part], summaries: Sequence[Summary]) -> dict[str, list[str]]:
    """The resources that moved to another patient, with those they left."""
    lines = sum(one.lines for part, one in zip(parts, summaries, strict=True) if part.server)
    return left_behind(engine.moved(parts, 1 + lines // _COUNTED_AT_ONCE)) if lines else {}


def _linked(
    inputs: Inputs, summaries: Sequence[Summary], suspected: set[str], left: dict[str, list[str]]
) -> list[str]:
    """Patients of whom another record may have an opioid; not where it is deleted, or its orders moved on."""
    links = [pair for one in summaries for pair in one.links]
    if not links:
        return []
    gone = {ref.partition("/")[2] for ref in inputs.deleted if ref.startswith("Patient/")}
    return told_too_little(links, suspected.difference(gone, *left.values()))


def _parts(inputs: Inputs, limits: Limits) -> Iterator[Part]:
    servers, known = inputs.servers(), inputs.known_servers()
    for name, path in inputs.files.items():
        moment = inputs.export_of(name).moment
        for part in parts_of(path, name, moment, part_bytes=limits.part_bytes, max_line=limits.max_line):
            yield replace(part, server=servers.get(name, ""), claims=name in known)


def _numbered(parts: Sequence[Part], summaries: Sequence[Summary]) -> list[Part]:
    """Parts that know how many lines of their file are in earlier parts."""
    numbered: list[Part] = []
    before: dict[str, int] = {}
    for part, summary in zip(parts, summaries, strict=True):
        first = before.get(part.name, 0)
        numbered.append(replace(part, first=first))
        before[part.name] = first + summary.lines
    return numbered


def _numbered_rows(part: Part, summary: Summary) -> Iterator[SetAside]:
    for row in summary.set_aside:
        yield replace(row, line=part.first + row.line)


def _lines(parts: Sequence[Part], summaries: Sequence[Summary]) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for part, summary in zip(parts, summaries, strict=True):
        kinds = found.setdefault(part.name, {})
        for kind, count in summary.kinds.items():
            kinds[kind] = kinds.get(kind, 0) + count
    return found


def _keep(engine: Engine, parts: Sequence[Part], wanted: Wanted) -> None:
    """Keep the patients' rows, the Medications they refer to, and what those refer to in turn."""
    known: Shards = {}
    wanted_now = engine.keep(parts, wanted)
    while wanted_now := {
        id_: fresh for id_, shards in wanted_now.items() if (fresh := shards - known.get(id_, set()))
    }:
        for id_, shards in wanted_now.items():
            known.setdefault(id_, set()).update(shards)
        wanted_now = engine.keep_medications(wanted_now)


def _kinds(summaries: Iterable[Summary]) -> dict[str, int]:
    found: dict[str, int] = {}
    for summary in summaries:
        for kind, count in summary.kinds.items():
            found[kind] = found.get(kind, 0) + count
    return dict(sorted(found.items()))


def _people(summaries: Sequence[Summary]) -> int:
    """How many different Patients there are, counted in slices so that memory stays small."""
    slices = 1 + sum(len(one.people) // 8 for one in summaries) // _COUNTED_AT_ONCE
    return sum(
        len({number for one in summaries for number in array("Q", one.people) if number % slices == rest})
        for rest in range(slices)
    )


def _files(inputs: Inputs, parts: Sequence[Part], summaries: Sequence[Summary]) -> list[InputFile]:
    digests: dict[str, list[bytes]] = {name: [] for name in inputs.files}
    lines = dict.fromkeys(inputs.files, 0)
    for part, summary in zip(parts, summaries, strict=True):
        digests[part.name].append(summary.digest)
        lines[part.name] += summary.lines
    return [
        InputFile(name, path.stat().st_size, len(digests[name]), lines[name], _together(digests[name]))
        for name, path in inputs.files.items()
    ]


def _together(digests: Sequence[bytes]) -> str:
    one = digests[0] if len(digests) == 1 else hashlib.sha256(b"".join(digests)).digest()
    return one.hex()


def status_of(found: Found, most_set_aside: float) -> tuple[str, list[str]]:
    """ "complete", "incomplete" or "failed", and why."""
    why = [
        f"{'all kinds' if kind == EVERY else kind}: {reason}"
        for kind, reason in sorted(found.census.lacking.items())
    ]
    if not DRUG_KINDS & {kind for kinds in found.census.kinds.values() for kind in kinds}:
        why.append("MedicationRequest: no medication orders are in the export")
    if len(found.set_aside) > found.lines * most_set_aside:
        return "failed", [f"{len(found.set_aside)} of {found.lines} lines could not be used", *why]
    return ("incomplete" if why else "complete"), why
