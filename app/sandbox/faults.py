"""Faults on demand: which request goes wrong, and how."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

FaultKind = Literal[
    "429",
    "500",
    "slow",
    "empty_403",
    "html_404",
    "truncated_json",
    "broken_next",
    "paging_loop",
    "foreign_next",
    "foreign_resource",
    "relative_location",
    "no_location",
    "date_retry",
    "epoch_retry",
    "wrong_count",
    "no_error_array",
    "no_transaction_time",
    "deleted_file",
    "error_file",
    "duplicates",
    "open_files",
    "bad_line",
    "422",
    "lost_answer",
]


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault. Without `resource_type` or `patient` it hits every type or patient.

    Exports have stages in place of a type: `$export`, `$status`, `$file`; creating has one as well: `$create`.
    `422` refuses what is sent; `lost_answer` keeps what is sent and answers with an error all the same.
    `times` limits how many requests it spoils (None: all). `retry_after` is in seconds, for `429`;
    `seconds` is the delay of `slow`.
    """

    kind: FaultKind
    resource_type: str | None = None
    patient: str | None = None
    times: int | None = None
    retry_after: int = 1
    seconds: float = 3.0

    def hits(self, resource_type: str, patient: str | None) -> bool:
        """Whether a request for this type and patient is spoiled."""
        return self.resource_type in {None, resource_type} and self.patient in {None, patient}


class FaultBook:
    """The faults in force; the first one set for a request wins, `slow` combines with any other."""

    def __init__(self, faults: Iterable[Fault] = ()) -> None:
        self._entries: list[tuple[Fault, list[int | None]]] = []
        for fault in faults:
            self.add(fault)

    def add(self, fault: Fault) -> None:
        """Put a fault in force."""
        self._entries.append((fault, [fault.times]))

    def clear(self) -> None:
        """End all faults, those of the storm patient included."""
        self._entries.clear()

    def take(self, resource_type: str, patient: str | None) -> list[Fault]:
        """The faults spoiling this request: at most one `slow` and one other. Counts one use of each."""
        taken: dict[bool, Fault] = {}
        for fault, left in self._entries:
            is_slow = fault.kind == "slow"
            if is_slow in taken or left[0] == 0 or not fault.hits(resource_type, patient):
                continue
            if left[0] is not None:
                left[0] -= 1
            taken[is_slow] = fault
        return list(taken.values())

    def listing(self) -> list[dict[str, Any]]:
        """The faults in force with the uses left, for the control endpoint."""
        return [
            {
                "kind": fault.kind,
                "resource_type": fault.resource_type,
                "patient": fault.patient,
                "left": left[0],
                "retry_after": fault.retry_after,
                "seconds": fault.seconds,
            }
            for fault, left in self._entries
        ]


def fault_from(members: Mapping[str, Any]) -> Fault:
    """A fault from a control request; raises ValueError with the reason when it makes no sense."""
    if members.get("kind") not in get_args(FaultKind):
        raise ValueError(f"kind must be one of {', '.join(get_args(FaultKind))}")
    unknown = members.keys() - Fault.__dataclass_fields__.keys()
    if unknown:
        raise ValueError(f"unknown members: {', '.join(sorted(unknown))}")
    for name in ("times", "retry_after", "seconds"):
        value = members.get(name)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int | float) or value < 0):
            raise ValueError(f"{name} must be a number of zero or more")
    return Fault(**members)
