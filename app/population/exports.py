"""Exports: which files of a folder hold data, when they were taken, and what their manifests say is missing.

A folder may hold one export or several, each in a folder of its own with `export.json` (written by
`ltot export`) or `manifest.json` (the Bulk Data completion manifest).  NDJSON below no manifest counts as an
export of its folder, of unknown time.
"""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from math import inf
from pathlib import Path, PurePosixPath
from urllib.parse import parse_qs, unquote, urlsplit

import msgspec

from app.population.deletions import Deletion, Deletions
from app.population.passed_over import all_below, is_fhir, why_unread
from app.population.rows import DRUG_KINDS, SetAside, seconds, server_of

EVERY = "*"
MANIFESTS = ("export.json", "manifest.json")
LOG = "log.ndjson"
_RUN, _QUARANTINE = "run.json", "quarantine.ndjson"
_NDJSON_ONLY, _NOT_NAMED = "only NDJSON is read here", "its name does not end as those of NDJSON do"
_NDJSON = (".ndjson", ".ndjson.gz", ".jsonl", ".jsonl.gz")
_DELETED = re.compile(r"([A-Z][A-Za-z]+/[^/?#]+)(?:/_history/[^/]*)?$")
_LEVEL = re.compile(r"(?:Group/[^/]*/|Patient/)?\$export")
_SOME_SERVER = "?"
_TYPE = re.compile(
    rb"\b(Patient|Medication(?:Request|Dispense|Statement)?|Observation|DiagnosticReport|Condition|Encounter"
    rb"|Appointment|Procedure|ServiceRequest|Communication|DocumentReference|Consent|QuestionnaireResponse)\b"
)


class _Listed(msgspec.Struct):
    type: str = ""
    url: str = ""
    count: int | None = None


class _Manifest(msgspec.Struct):
    transactionTime: str = ""  # noqa: N815 - FHIR's own names
    request: str = ""
    output: list[_Listed] = []
    deleted: list[_Listed] = []
    error: list[_Listed] = []
    outcome: list[_Listed] = []


class _File(msgspec.Struct):
    name: str
    section: str = "output"
    kind: str | None = None
    done: bool = False
    resources: int = 0


class _Unread(msgspec.Struct):
    patient: str
    kind: str
    offered: bool = True


class _State(msgspec.Struct):
    stage: str = ""
    transaction_time: str | None = None
    config: dict[str, object] = {}
    batches_left: list[int] = []
    files: list[_File] = []
    unread: list[_Unread] = []


class _Request(msgspec.Struct):
    method: str = ""
    url: str = ""


class _Entry(msgspec.Struct):
    request: _Request | None = None


class _Deletions(msgspec.Struct):
    entry: list[_Entry] = []


class _Issue(msgspec.Struct):
    severity: str = ""
    code: str = ""


class _Outcome(msgspec.Struct):
    issue: list[_Issue] = []


_DELETIONS = msgspec.json.Decoder(_Deletions)
_OUTCOME = msgspec.json.Decoder(_Outcome)
_WITHHELD = frozenset({"suppressed", "forbidden", "security"})
_BROKEN = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


@dataclass(slots=True)
class Export:
    """One export below the input; name is its folder with a slash at the end, empty for the input itself.

    listed: what it lists, as file names and kinds.  kinds: of these what is here, by file name.  expected: how many
    lines its manifest counts, by kind.  lacking: kinds it could not deliver (EVERY for all), with the reason.  unread:
    single kinds of single patients.  untold: patients of whom it cannot be told whether they have an opioid.  server:
    the EHR's address as far as it is known.  crawled: taken patient by patient, over some time.  since: where it holds
    only what changed, from which moment on; infinite where that cannot be read.
    """

    name: str
    moment: float = 0.0
    since: float | None = None
    listed: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    kinds: dict[str, str] = field(default_factory=dict[str, str])
    expected: dict[str, int] = field(default_factory=dict[str, int])
    lacking: dict[str, str] = field(default_factory=dict[str, str])
    unread: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    untold: set[str] = field(default_factory=set[str])
    deletions: list[str] = field(default_factory=list[str])
    errors: list[str] = field(default_factory=list[str])
    server: str = ""
    crawled: bool = False


@dataclass(slots=True)
class Inputs:
    """What a folder holds, each file by its name below it: NDJSON, Bundles, and the exports they belong to.

    deleted: what exports say of resources that exist no more.  unread: what may be data and is not read, with why.
    """

    files: dict[str, Path] = field(default_factory=dict[str, Path])
    bundles: dict[str, Path] = field(default_factory=dict[str, Path])
    exports: dict[str, Export] = field(default_factory=dict[str, Export])
    deleted: dict[str, list[Deletion]] = field(default_factory=dict[str, list[Deletion]])
    set_aside: list[SetAside] = field(default_factory=list[SetAside])
    unread: dict[str, str] = field(default_factory=dict[str, str])

    def leave_bundles(self) -> None:
        """Read NDJSON only."""
        self.unread |= {name: _NDJSON_ONLY for name, path in self.bundles.items() if is_fhir(path)}
        self.bundles = {}

    def export_of(self, file: str) -> Export:
        """The export a file belongs to: the nearest folder with a manifest, else its own folder.

        A Bundle is a chart of its own.
        """
        if file in self.bundles:
            return self.exports.setdefault(file, Export(file))
        folder = file.rpartition("/")[0]
        while folder and f"{folder}/" not in self.exports:
            folder = folder.rpartition("/")[0]
        name = f"{folder}/" if folder else ""
        if name in self.exports:
            return self.exports[name]
        own = file.rpartition("/")[0]
        return self.exports.setdefault(f"{own}/" if own else "", Export(f"{own}/" if own else ""))

    def deletions(self) -> Deletions:
        """What exists no more, for looking it up by row."""
        files = (*self.files, *self.bundles) if self.deleted else ()
        homes = {file: (export.name, export.server) for file in files if (export := self.export_of(file))}
        return Deletions(self.deleted, homes)

    def known_servers(self) -> dict[str, str]:
        """By file its EHR, where that is known; empty unless there are several EHRs."""
        known = {file: server for file in self.files if (server := self.export_of(file).server)}
        return known if len({*known.values()}) > 1 else {}

    def servers(self) -> dict[str, str]:
        """By file its EHR, where a resource may be under one patient in one file and under another in the next.

        That is so where an EHR was exported at several known moments, or crawled.
        """
        moments: dict[str, set[float]] = {}
        for export in self.exports.values():
            if export.moment:
                moments.setdefault(export.server, set()).add(export.moment)
        return {
            file: export.server or _SOME_SERVER
            for file in self.files
            if (export := self.export_of(file)).crawled or (export.moment and len(moments[export.server]) > 1)
        }


def is_ndjson(name: str) -> bool:
    return name.lower().endswith(_NDJSON)


def inputs_in(path: Path) -> Inputs:
    """What the folder, or the one file, holds.  Never raises: a manifest that cannot be read is lacking.

    JSON below a manifest is no data.
    """
    found = Inputs()
    if path.is_file():
        (found.files if is_ndjson(path.name) else found.bundles)[path.name] = path
        return found
    several = {one.relative_to(path).as_posix(): one for one in all_below(path)}
    names = {name: one for name, one in several.items() if one.is_file()}
    for name, one in sorted(names.items()):
        folder = name.removesuffix(one.name)
        if one.name in MANIFESTS and folder not in found.exports:
            found.exports[folder] = _read_manifest(one, folder)
    for name, one in sorted(names.items()):
        if one.name == LOG or (one.name == _QUARANTINE and one.with_name(_RUN).is_file()):
            continue
        if is_ndjson(name):
            found.files[name] = one
        elif one.suffix.lower() == ".json" and one.name not in {*MANIFESTS, _RUN}:
            found.bundles[name] = one
    under = tuple(found.exports) or ("/",)
    below = {name: one for name, one in found.bundles.items() if name.startswith(under)}
    found.bundles = {name: one for name, one in found.bundles.items() if name not in below}
    listed = {export.name + name for export in found.exports.values() for name, _ in export.listed}
    plain = {name: one for name, one in names.items() if not is_ndjson(name) and name not in listed}
    others = {name: one for name, one in plain.items() if one.suffix.lower() != ".json"}
    # In folders below an export's own lie attachments.
    for name, one in (others | below).items():
        if (name.removesuffix(one.name) in found.exports or not name.startswith(under)) and is_fhir(one):
            found.unread[name] = _NOT_NAMED if name in others else _NDJSON_ONLY
    found.unread |= {name: why for name, one in several.items() if (why := why_unread(one))}
    for export in tuple(found.exports.values()):
        _settle(export, found)
    return found


def _read_manifest(path: Path, name: str) -> Export:
    try:
        raw = path.read_bytes()
        if path.name == "export.json":
            return _of_state(msgspec.json.decode(raw, type=_State), name)
        return _of_manifest(msgspec.json.decode(raw, type=_Manifest), name)
    except (OSError, *_BROKEN):
        return Export(name, lacking={EVERY: f"its {path.name} cannot be read"})


def _of_state(state: _State, name: str) -> Export:
    export = Export(name, seconds(state.transaction_time or ""), _since(str(state.config.get("since") or "")))
    export.server, export.crawled = (
        server_of(str(state.config.get("base_url", ""))),
        bool(state.config.get("crawl")),
    )
    # A crawl that could not read the Patient read nothing of that chart.
    export.unread = [(one.patient, EVERY if one.kind == "Patient" else one.kind) for one in state.unread]
    export.untold = {one.patient for one in state.unread if _hides_orders(one)}
    # A crawl that read every patient names what it could not read of each; the rest is as good as complete.
    through = state.stage == "crawling" and bool(state.files) and not state.batches_left
    if state.stage != "complete" and not through:
        export.lacking[EVERY] = "the export was not finished"
    for file in state.files:
        if file.section == "deleted":
            export.deletions.append(file.name)
        elif file.section == "error":
            export.errors.append(file.name)
        elif not file.done:
            export.lacking[file.kind or EVERY] = f"{file.name} was not fetched"
        elif file.kind:
            export.listed.append((file.name, file.kind))
            export.expected[file.kind] = export.expected.get(file.kind, 0) + file.resources
    return export


def _since(instant: str) -> float | None:
    return (seconds(instant) or inf) if instant else None


def _hides_orders(one: _Unread) -> bool:
    """Whether an opioid may be in what was not read.  An EHR that offers no dispenses hides no order."""
    return one.kind in {"Patient", "MedicationRequest"} or (one.offered and one.kind in DRUG_KINDS)


def _of_manifest(manifest: _Manifest, name: str) -> Export:
    asked_since = parse_qs(urlsplit(manifest.request).query).get("_since", [""])[0].replace(" ", "+")
    export = Export(name, seconds(manifest.transactionTime), _since(asked_since))
    base, *asked = _LEVEL.split(manifest.request.replace("%24", "$"), maxsplit=1)
    export.server = server_of(base) if asked else ""
    counts: dict[tuple[str, str], int] = {}
    for one in manifest.output:
        key = one.url, one.type or EVERY
        counts[key] = max(one.count or 0, counts.get(key, 0))
    for (url, kind), count in counts.items():
        export.listed.append((_file_name(url), kind))
        if count:
            export.expected[kind] = export.expected.get(kind, 0) + count
    export.deletions = [_file_name(listed.url) for listed in manifest.deleted]
    export.errors = [_file_name(listed.url) for listed in (*manifest.error, *manifest.outcome)]
    return export


def _file_name(url: str) -> str:
    """The relative path of a relative address, the last part of an absolute one."""
    parts = urlsplit(url)
    return unquote(parts.path).rpartition("/")[2] if parts.scheme else unquote(parts.path)


def _settle(export: Export, found: Inputs) -> None:
    """Take what is no data out of the files, read it, and note which listed files are not there."""
    short: dict[str, int] = {}
    for name, kind in export.listed:
        here = _present(name, export, found)
        if here is None or here in export.kinds:
            short[kind] = short.get(kind, 0) + 1
        else:
            export.kinds[here] = kind
    for kind, count in short.items():
        # Tools that download exports rename files; the type stays at the front of the name.
        named = [
            file
            for file in found.files
            if found.export_of(file) is export and _begins_with(PurePosixPath(file).name, kind)
        ]
        others = [file for file in named if file not in export.kinds]
        export.kinds.update(dict.fromkeys(others[:count], kind))
        if len(others) < count:
            export.lacking[kind] = f"{count - len(others)} of its files are missing"
    for name in export.deletions:
        _read_section(name, export, found, _deletion)
    for name in export.errors:
        _read_section(name, export, found, _error)


def kind_named(file: str) -> str:
    """The kind of resource at the front of a file's name, EVERY where there is none."""
    kind = _TYPE.search(PurePosixPath(file).name.encode())
    return kind[1].decode() if kind else EVERY


def _begins_with(file: str, kind: str) -> bool:
    return re.match(rf"(?:\d+[._-])?{re.escape(kind)}(?![A-Za-z])", file) is not None


def _present(name: str, export: Export, found: Inputs) -> str | None:
    base = PurePosixPath(name).name
    for candidate in (name, base):
        for ending in ("", ".gz", ".ndjson", ".ndjson.gz"):
            if export.name + candidate + ending in found.files:
                return export.name + candidate + ending
    return None


def _read_section(
    name: str, export: Export, found: Inputs, use: Callable[[bytes, Export, Inputs], None]
) -> None:
    here = _present(name, export, found)
    if here is None:
        export.lacking[EVERY] = f"{name}, listed as errors or deletions, is missing"
        return
    path = found.files.pop(here)
    number = 0
    try:
        for line in _lines(path):
            number += 1
            if text := line.removeprefix(b"\xef\xbb\xbf").strip():
                use(text, export, found)
    except _BROKEN:
        export.lacking[EVERY] = f"{here}, listed as errors or deletions, cannot be read"
        found.set_aside.append(SetAside(here, number, "it is not what the manifest says", rest_lost=True))
    except (OSError, EOFError, zlib.error):
        export.lacking[EVERY] = f"{here}, listed as errors or deletions, cannot be read"
        found.set_aside.append(SetAside(here, number + 1, "the file breaks off", rest_lost=True))


def _deletion(line: bytes, export: Export, found: Inputs) -> None:
    for entry in _DELETIONS.decode(line).entry:
        request = entry.request
        if request is not None and request.method == "DELETE" and (match := _DELETED.search(request.url)):
            said = Deletion(export.name, export.server, export.moment)
            found.deleted.setdefault(match[1], []).append(said)


def _error(line: bytes, export: Export, found: Inputs) -> None:  # noqa: ARG001 - one shape with _deletion
    """Errors, and what was withheld from this client, concern the type they name, or all; remarks lose nothing."""
    issues = _OUTCOME.decode(line).issue
    failed = any(issue.severity in {"error", "fatal"} for issue in issues)
    if failed or any(issue.code in _WITHHELD for issue in issues):
        kinds = {kind.decode() for kind in _TYPE.findall(line)} or {EVERY}
        why = "the server reported an error" if failed else "the server withheld part of it"
        export.lacking.update(dict.fromkeys(kinds, why))


def _lines(path: Path) -> Iterator[bytes]:
    with gzip.open(path, "rb") if path.name.lower().endswith(".gz") else path.open("rb") as lines:
        yield from lines
