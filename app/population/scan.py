"""Scanning: every line of a part once, for its kind, its patient, and whether it may name an opioid.

What a part holds goes into an index (whose is each line, and how long is it), so that later steps read only the
lines of the patients they need.
"""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from app.population.drugs import Drugs, Verdict, may_be_opioid
from app.population.linked import Pair, links_of
from app.population.moved import UNNAMED, number_of, resource_number
from app.population.parts import BYTE_ORDER_MARK, Block, Damage, Part, blocks_of, damaged
from app.population.rows import (
    DRUG_KINDS,
    DrugProbe,
    Probe,
    SetAside,
    decode_drug_probe,
    decode_probe,
    owner_of,
    patient_in,
    read_probe,
    set_aside,
)

NOBODY = 0
_ONE_BY_ONE = frozenset({"Patient", "Medication", "Appointment"})
_UNUSUAL = (msgspec.DecodeError, UnicodeDecodeError, RecursionError, AttributeError, KeyError)


class Summary(msgspec.Struct):
    """What a part holds, in short.  lines: all of them, blank ones too.  kinds: resources by kind.

    medications: verdicts by Medication id, and the Medications one is made of.  people: a number for each Patient
    (8 bytes, the same for the same id), to count them once.  digest: SHA-256 of the bytes.
    claims: numbers of the patients and Medications it names, where they are compared.  links: pairs of records of one
    person.
    """

    lines: int
    kinds: dict[str, int]
    set_aside: list[SetAside]
    medications: dict[str, tuple[Verdict, list[str]]]
    people: bytes
    digest: bytes
    claims: bytes = b""
    links: list[Pair] = []


class Index(msgspec.Struct):
    """Whose each line is (a number; 0: nobody's, or not usable) and its size in bytes.

    owners: patients by number.  suspects: numbers of patients a line of whom may name an opioid by itself.
    silent, named: by Medication id, numbers of patients with a line whose drug that Medication decides; silent
    ones name no drug themselves.  shared: line numbers of Medications.  resources: a number for each line's resource
    (8 bytes, the same for the same EHR, kind and id), empty where none can have moved.
    """

    owners: list[str]
    owner: bytes
    size: bytes
    suspects: list[int]
    silent: dict[str, list[int]]
    named: dict[str, list[int]]
    shared: dict[str, list[int]]
    resources: bytes = b""


class Scanned(msgspec.Struct):
    summary: Summary
    index: bytes


class _Numbers(dict[str, int]):
    """Numbers of patients by the references to them; one that leads to no patient is a KeyError."""

    def __init__(self, numbers: dict[str, int]) -> None:
        super().__init__()
        self._numbers = numbers

    def __missing__(self, reference: str) -> int:
        owner = patient_in(reference)
        if owner is None:
            raise KeyError(reference)
        self[reference] = number = self._numbers.setdefault(owner, len(self._numbers))
        return number


class _Scan:
    """The work on one part."""

    def __init__(self, part: Part, drugs: Drugs) -> None:
        self.part, self.drugs = part, drugs
        self.numbers: dict[str, int] = {"": NOBODY}
        self.by_reference = _Numbers(self.numbers)
        self.kinds: dict[str, int] = {}
        self.set_aside: list[SetAside] = []
        self.medications: dict[str, tuple[Verdict, list[str]]] = {}
        self.suspects: set[int] = set()
        self.silent: dict[str, set[int]] = {}
        self.named: dict[str, set[int]] = {}
        self.shared: dict[str, list[int]] = {}
        self.people = bytearray()
        self.links: list[Pair] = []
        # The kind last seen one by one: most files hold one kind.
        self.usual = ""
        self.resources = array("Q")
        self.resource = UNNAMED

    def run(self) -> Scanned:
        owners, sizes, sha = array("I"), array("Q"), hashlib.sha256()
        for block in blocks_of(self.part, sha):
            owners.extend(self._owners(block, len(owners)))
            sizes.extend(block.sizes)
        self._suspect_damaged()
        summary = Summary(
            len(owners),
            self.kinds,
            self.set_aside,
            self.medications,
            bytes(self.people),
            sha.digest(),
            self._claims(),
            self.links,
        )
        index = Index(
            list(self.numbers),
            owners.tobytes(),
            sizes.tobytes(),
            sorted(self.suspects),
            {id_: sorted(found) for id_, found in self.silent.items()},
            {id_: sorted(found) for id_, found in self.named.items()},
            self.shared,
            self.resources.tobytes(),
        )
        return Scanned(summary, msgspec.msgpack.encode(index))

    def _owners(self, block: Block, before: int) -> list[int]:
        """The number of each line's patient.  Reading whole lines of the usual kind is the cost of a run."""
        decode = decode_drug_probe if self.usual in DRUG_KINDS else decode_probe
        numbers, usual = self.by_reference, self.usual
        if block.utf8 and not block.damages:
            try:
                seen: list[Any] = list(map(decode, block.lines))
                owners = [
                    numbers[(one.subject or one.patient).reference]
                    for one in seen
                    if one.resourceType == usual
                ]
            except _UNUSUAL:
                pass
            else:
                if len(owners) == len(seen):
                    self._settle(owners, seen, block.lines)
                    return owners
        return [
            self._noted(raw, before + place + 1, block.damages.get(place))
            for place, raw in enumerate(block.lines)
        ]

    def _settle(self, owners: Sequence[int], seen: Sequence[Any], lines: Sequence[bytes]) -> None:
        """Count lines of the usual kind, and look at their drugs."""
        self.kinds[self.usual] += len(owners)
        if server := self.part.server:
            self.resources.extend(resource_number(server, self.usual, one.id) for one in seen)
        if self.usual in DRUG_KINDS:
            for owner, one, line in zip(owners, seen, lines, strict=True):
                self._drug(one, line, owner)

    def _noted(self, raw: bytes, number: int, damage: Damage | None) -> int:
        """The number of the patient of any line, with the resource's number noted where it may have moved."""
        self.resource = UNNAMED
        owner = self._line(raw, number, damage)
        if self.part.server:
            self.resources.append(self.resource)
        return owner

    def _line(self, raw: bytes, number: int, damage: Damage | None) -> int:
        if damage is not None:
            self.set_aside.append(damaged(damage, self.part, number))
            return NOBODY
        try:
            quick: Any = decode_probe(raw)
            if quick.resourceType == self.usual and self.usual not in DRUG_KINDS and raw.isascii():
                owner = self.by_reference[(quick.subject or quick.patient).reference]
                self.kinds[self.usual] += 1
                self._resource(self.usual, quick.id)
                return owner
        except _UNUSUAL:
            pass
        text = raw.strip()
        if number == 1 and self.part.start == 0:
            text = text.removeprefix(BYTE_ORDER_MARK)
        if not text:
            return NOBODY
        seen = read_probe(text)
        if isinstance(seen, str):
            return self._put_aside(text, number, seen)
        owner, problem = owner_of(seen)
        if problem:
            return self._put_aside(text, number, problem)
        known = self.numbers.setdefault(owner or "", len(self.numbers))
        kind = seen.resourceType
        self._resource(kind, seen.id)
        self.kinds[kind] = self.kinds.get(kind, 0) + 1
        if kind in DRUG_KINDS:
            self._drug(decode_drug_probe(text), text, known)
        elif kind == "Medication":
            self._medication(text, seen, number)
        elif kind == "Patient":
            self.people += hashlib.blake2b((owner or "").encode(), digest_size=8).digest()
            self.links += links_of(text, owner or "")
        if kind not in _ONE_BY_ONE:
            self.usual = kind
        return known

    def _resource(self, kind: str, id_: str | None) -> None:
        if self.part.server:
            self.resource = resource_number(self.part.server, kind, id_)

    def _drug(self, line: DrugProbe, raw: bytes, owner: int) -> None:
        if owner in self.suspects or owner == NOBODY:
            return
        verdict, medication = self.drugs.of_line(line, raw)
        if medication and verdict is not Verdict.MAYBE:
            holders = self.silent if verdict is Verdict.SILENT else self.named
            holders.setdefault(medication, set()).add(owner)
        elif may_be_opioid(verdict, None):
            self.suspects.add(owner)

    def _medication(self, raw: bytes, seen: Probe, number: int) -> None:
        if seen.id is None:
            return
        verdict, parts = self.drugs.of_medication(raw)
        known = self.medications.get(seen.id, (Verdict.NO, []))
        # Of several versions any may count: the exact answer is the mapping's.
        self.medications[seen.id] = max(verdict, known[0]), sorted({*parts, *known[1]})
        self.shared.setdefault(seen.id, []).append(number)

    def _put_aside(self, raw: bytes, number: int, reason: str) -> int:
        aside = set_aside(raw, self.part.name, number, reason)
        self.set_aside.append(msgspec.structs.replace(aside, moment=self.part.moment))
        return NOBODY

    def _claims(self) -> bytes:
        if not self.part.claims:
            return b""
        people = (number_of("Patient", owner) for owner in self.numbers if owner)
        drugs = (number_of("Medication", id_) for id_ in self.shared)
        return array("Q", [*people, *drugs]).tobytes()

    def _suspect_damaged(self) -> None:
        """A drug line that cannot be read may have been an opioid's."""
        for row in self.set_aside:
            if not row.kind or row.kind in DRUG_KINDS:
                for patient in row.patients:
                    self.suspects.add(self.numbers.setdefault(patient, len(self.numbers)))


def scan(part: Part, drugs: Drugs) -> Scanned:
    """Read a part once."""
    return _Scan(part, drugs).run()


def read_index(index: bytes) -> Index:
    return msgspec.msgpack.decode(index, type=Index)


def suspects_in(index: Index, medications: dict[str, Verdict]) -> set[str]:
    """The patients of a part who may have an opioid, now that every Medication has been seen."""
    found = set(index.suspects)
    for line, holders in ((Verdict.SILENT, index.silent), (Verdict.NO, index.named)):
        for id_, numbers in holders.items():
            if may_be_opioid(line, medications.get(id_)):
                found.update(numbers)
    return {index.owners[number] for number in found if number != NOBODY}


def settle_medications(summaries: Iterable[Summary]) -> dict[str, Verdict]:
    """The verdict on every Medication; one made of others takes the gravest of theirs."""
    parts: dict[str, set[str]] = {}
    found: dict[str, Verdict] = {}
    for summary in summaries:
        for id_, (verdict, made_of) in summary.medications.items():
            found[id_] = max(verdict, found.get(id_, Verdict.NO))
            parts.setdefault(id_, set()).update(made_of)
    own = dict(found)
    for id_, made_of in parts.items():
        if made_of:
            found[id_] = max(own[id_], *(own.get(other, Verdict.SILENT) for other in made_of))
    return found
