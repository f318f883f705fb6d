"""The second way to a population: search patient by patient, into the same folder layout, resumable by batch."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace
from types import MappingProxyType

import msgspec
from msgspec import Struct

from app.ehr.bulk import job_state
from app.ehr.bulk.config import ExportConfig
from app.ehr.bulk.disk import PartFile
from app.ehr.bulk.hydrate import batch_client, one_line
from app.ehr.bulk.job_state import ExportState, FileState, Unread
from app.ehr.bulk.log import ExportLog
from app.ehr.bulk.results import StoppedError, Tools
from app.ehr.bundles import identity
from app.ehr.chart import ChartPull, pull_chart
from app.ehr.references import Medications
from app.ehr.vendors import VendorProfile, vendor_profile
from app.errors import LtotError

BATCH = 10
SECONDS_PER_PATIENT = 900.0
_NO_PATIENTS = frozenset({"Practitioner", "PractitionerRole", "Device", "Medication", "Substance"})


class _Reference(Struct, gc=False):
    reference: str = ""


class _Member(Struct, gc=False):
    entity: _Reference | None = None
    inactive: bool = False


class _Group(Struct, gc=False):
    member: list[_Member] = []


class Crawl:
    """One crawl.  A batch of patients is the unit that is redone after a crash or a failure."""

    def __init__(self, config: ExportConfig, state: ExportState, tools: Tools, log: ExportLog) -> None:
        self._config, self._state, self._tools, self._log = config, state, tools, log
        self._profile = _narrowed(vendor_profile(config.vendor), config.types)
        self._client = batch_client(config, tools)
        self._medications = Medications(self._client, readable=True)

    async def run(self) -> None:
        """Crawl what is left, then raise StoppedError if anything could not be read."""
        state = self._state
        if not state.crawl_patients:
            state.crawl_patients = list(self._config.patients) or await self._members()
            state.transaction_time = self._tools.clock().isoformat()
            state.batches_left = list(range(-(-len(state.crawl_patients) // BATCH)))
            job_state.save(self._config.folder, state)
        elif not state.batches_left:
            unread = {each.patient for each in state.unread}
            places = [i for i, patient in enumerate(state.crawl_patients) if patient in unread]
            state.batches_left = sorted({place // BATCH for place in places})
        while state.batches_left:
            await self._batch(state.batches_left[0])
        self._require_complete()

    async def _members(self) -> list[str]:
        deadline = self._tools.clock().timestamp() + SECONDS_PER_PATIENT
        fetched = await self._client.read("Group", self._config.group or "", deadline)
        if fetched.problem:
            raise StoppedError(f"The group's members could not be read: {fetched.problem.sentence}.")
        try:
            members = msgspec.json.decode(fetched.items[0], type=_Group).member
        except msgspec.DecodeError:
            raise StoppedError("The group's members could not be read from the EHR's answer.") from None
        named = [m.entity.reference if m.entity else "" for m in members if not m.inactive]
        found = [_member(reference, self._config.base_url.rstrip("/")) for reference in named]
        if unclear := found.count(None):
            raise StoppedError(
                f"{unclear} of the group's members are named in a way that leads to no patient of this EHR "
                "(another group, an identifier, another server), so nobody knows whom a crawl would leave out."
            )
        patients = [id_ for id_ in dict.fromkeys(found) if id_]
        if not patients:
            raise StoppedError("The group names no patient.")
        return patients

    async def _batch(self, number: int) -> None:
        state = self._state
        patients = state.crawl_patients[number * BATCH : (number + 1) * BATCH]
        found: defaultdict[str, dict[bytes, None]] = defaultdict(dict)
        unread: list[Unread] = []
        for patient in patients:
            pull = await self._pull(patient, unread)
            for raw in pull.raw if pull else ():
                found[identity(raw)[0]][one_line(raw)] = None
        if {each.patient for each in unread if each.kind == "Patient"} >= set(patients):
            raise StoppedError(f"No patient of the next {len(patients)} could be read: {unread[0].problem}.")
        former = {file.kind for file in state.files if file.name == _name(file.kind or "", number)}
        files = [
            self._written(kind, number, list(found.get(kind, ())))
            for kind in sorted({*found, *former} - {None})
        ]
        names = {file.name for file in files}
        state.files = [file for file in state.files if file.name not in names] + files
        state.unread = [each for each in state.unread if each.patient not in patients] + unread
        state.batches_left = [each for each in state.batches_left if each != number]
        failed = {each.patient for each in state.unread if each.offered}
        state.crawled = sum(
            place // BATCH not in state.batches_left and patient not in failed
            for place, patient in enumerate(state.crawl_patients)
        )
        job_state.save(self._config.folder, state)
        self._tools.progress(f"{state.crawled} of {len(state.crawl_patients)} patients are read.")

    async def _pull(self, patient: str, unread: list[Unread]) -> ChartPull | None:
        try:
            pull = await pull_chart(
                self._client,
                patient,
                profile=self._profile,
                granted_scopes=None,
                deadline=self._tools.clock().timestamp() + SECONDS_PER_PATIENT,
                medications=self._medications,
            )
        except LtotError as error:
            if error.entry.code not in {"LT-201", "LT-202"}:
                raise StoppedError(
                    f"The EHR no longer accepts this service's credentials ({error.entry.code})."
                ) from None
            unread.append(Unread(patient, "Patient", error.entry.sentence.rstrip(".")))
            return None
        unread += [
            Unread(patient, source.kind, source.problem, source.connected)
            for source in pull.sources.values()
            if not source.complete
        ]
        return pull

    def _written(self, kind: str, number: int, lines: Sequence[bytes]) -> FileState:
        name = _name(kind, number)
        with PartFile(self._config.folder / name) as part:
            for line in lines:
                part.write(line + b"\n")
            part.commit()
        self._log.write("download_complete", fileUrl=kind, resourceCount=len(lines), fileSize=part.size)
        return FileState(
            name, "output", "", kind, done=True, size=part.size, resources=len(lines), sha256=part.sha256
        )

    def _require_complete(self) -> None:
        """A type the EHR gives for no patient is a remark; one it gives for some only is missing for the rest."""
        state, patients = self._state, len(self._state.crawl_patients)
        refused = Counter(each.kind for each in state.unread if not each.offered)
        absent = {kind for kind, count in refused.items() if count == patients}
        remarks = {f"{u.kind} is in no chart: {u.problem}." for u in state.unread if u.kind in absent}
        state.warnings = sorted({*state.warnings, *remarks})
        missing = Counter((u.kind, u.problem) for u in state.unread if u.kind not in absent)
        if missing:
            named = "; ".join(
                f"{kind} of {count} {'patient' if count == 1 else 'patients'} ({problem})"
                for (kind, problem), count in missing.most_common(5)
            )
            raise StoppedError(f"Not everything could be read: {named}. Resume to try these patients again.")


def _member(reference: str, base: str) -> str | None:
    """The id of a member who is a patient here; empty for one of another kind, None for one who may be a patient."""
    kind, _, rest = reference.removeprefix(f"{base}/").partition("/")
    id_ = rest.partition("/_history/")[0]
    if kind == "Patient" and id_ and "/" not in id_:
        return id_
    return "" if kind in _NO_PATIENTS else None


def _name(kind: str, number: int) -> str:
    return f"{kind}.{number + 1:03}.ndjson"


def _narrowed(profile: VendorProfile, types: tuple[str, ...]) -> VendorProfile:
    """The profile with the plans of these types only; all when none are named."""
    plans = {kind: plan for kind, plan in profile.plans.items() if not types or kind in types}
    return replace(profile, plans=MappingProxyType(plans))
