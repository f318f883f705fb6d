"""What is recorded in a visit, action by action: what is sent, what it changes, and what the EHR then holds."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Resource = dict[str, Any]
Content = Callable[[Resource], object]


@dataclass(frozen=True)
class Action:
    """One action on one patient's item; no two share an item, so that they can be done in any order.

    item: title of the row it is about, "" for the answer on long-term therapy.  key: of the form.  ends: word and
    text of the row afterwards.  entry: how the panel lists it.  kind: resource type at the EHR, "" for what stays in
    the registry.  content: what of that resource has to be what.
    """

    name: str
    patient: str
    key: str
    item: str
    fields: dict[str, str]
    ends: tuple[str, str]
    entry: str
    kind: str = ""
    content: tuple[tuple[Content, object], ...] = ()
    reviewed: bool = False

    @property
    def audited(self) -> str:
        return f"record_{self.fields['do'].partition(':')[0]}"


def _code(resource: Resource) -> list[str]:
    return [coding["code"] for coding in resource["code"]["coding"]]


def _value(resource: Resource) -> str:
    return str(resource["valueQuantity"]["value"])


def _parts(resource: Resource) -> dict[str, str]:
    return {_code(part)[0]: _value(part) for part in resource.get("component", ())}


def _text(document: Resource) -> str:
    return base64.b64decode(document["content"][0]["attachment"]["data"]).decode()


ACTIONS = (
    Action(
        "PDMP checked, as expected", "-Partial", "G01", "PDMP check",
        {"do": "pdmp:expected", "for": "Dr. Sandbox", "text": "two states"},
        ("Up to date", "PDMP check on"), "PDMP checked: as expected", "Procedure",
        (
            (_code, ["461621000124108"]), (lambda r: r["status"], "completed"),
            (lambda r: r["outcome"]["text"], "expected"),
            (lambda r: r["note"][0]["text"], "Checked on behalf of Dr. Sandbox. two states"),
        ),
    ),
    Action(
        "PDMP checked, unexpected", "-High", "G02", "PDMP result", {"do": "pdmp:unexpected"},
        ("Due soon", "unexpected; review not recorded"), "PDMP checked: unexpected", "Procedure",
        ((_code, ["461621000124108"]), (lambda r: r["outcome"]["text"], "unexpected")),
    ),
    Action(
        "agreement signed", "-Partial", "G05", "Opioid agreement", {"do": "agreement", "text": "both signed"},
        ("Up to date", "Opioid agreement on"), "Opioid agreement signed", "DocumentReference",
        (
            (lambda r: [coding["code"] for coding in r["type"]["coding"]], ["94136-9"]),
            (lambda r: (r["status"], r["docStatus"]), ("current", "final")),
            (lambda r: _text(r).endswith(" both signed"), True),
        ),
    ),
    Action(
        "PEG, three items", "-Partial", "G06", "PEG score",
        {"do": "peg", "pain": "5", "enjoyment": "6", "activity": "6"},
        ("Up to date", "5.7 of 10"), "PEG items 5, 6, 6", "Observation",
        (
            (_code, ["91147-9"]), (_value, "5.7"),
            (_parts, {"75893-8": "5", "91145-3": "6", "91146-1": "6"}),
        ),
    ),
    Action(
        "ORT-OUD", "-Partial", "G08", "Opioid risk score", {"do": "screen:ort_oud", "total": "2"},
        ("Up to date", "ORT-OUD 2 of 9, below the cut-off of 3"), "ORT-OUD 2 of 9",
    ),
    Action(
        "PHQ-9", "-Partial", "G09", "Depression screen", {"do": "screen:phq9", "total": "6", "item9": "0"},
        ("Up to date", "PHQ-9 6 of 27, mild"), "PHQ-9 6 of 27, item 9: 0", "Observation",
        ((_code, ["44261-6"]), (_value, "6"), (_parts, {"44260-8": "0"})),
    ),
    Action(
        "PHQ-9 with item 9 above zero", "-Methadone", "G09", "Depression screen",
        {"do": "screen:phq9", "total": "8", "item9": "1"},
        ("Overdue", "PHQ-9 item 9 above zero"), "PHQ-9 8 of 27, item 9: 1", "Observation",
        ((_code, ["44261-6"]), (_value, "8"), (_parts, {"44260-8": "1"})),
    ),
    Action(
        "PHQ-2", "-High", "G09", "Depression screen", {"do": "screen:phq2", "total": "1"},
        ("Up to date", "PHQ-2 1 of 6"), "PHQ-2 1 of 6", "Observation",
        ((_code, ["55758-7"]), (_value, "1"), (_parts, {})),
    ),
    Action(
        "GAD-7", "-Partial", "G10", "Anxiety screen", {"do": "screen:gad7", "total": "4"},
        ("Up to date", "GAD-7 4 of 21, minimal"), "GAD-7 4 of 21", "Observation",
        ((_code, ["70274-6"]), (_value, "4"), (_parts, {})),
    ),
    Action(
        "naloxone offered", "-Partial", "G13", "Naloxone", {"do": "naloxone:offered"},
        ("Up to date", "Naloxone offered on"), "Naloxone offered",
    ),
    Action(
        "naloxone declined", "-Sig", "G13", "Naloxone", {"do": "naloxone:declined", "text": "has one at home"},
        ("Up to date", "Declined on"), "Naloxone declined",
    ),
    Action(
        "urine drug test reviewed", "-High", "G04", "Unexpected urine drug test",
        {"do": "review", "text": "confirmation asked for"},
        ("Needs a look", "reviewed on"), "Unexpected urine drug test: reviewed", reviewed=True,
    ),
    Action(
        "plan noted for sedatives", "-Partial", "G14", "Sedatives with an opioid",
        {"do": "review", "text": "shared plan"},
        ("Due soon", "plan noted on"), "Sedatives with an opioid: reviewed", reviewed=True,
    ),
    Action(
        "plan noted for a fast fall", "-Lapsed", "G30", "Fast fall of the dose",
        {"do": "review", "text": "called, back next week"},
        ("Up to date", "plan"), "Fast fall of the dose: reviewed", reviewed=True,
    ),
    Action(
        "put off with a reason", "-Partial", "G03", "Urine drug test",
        {"do": "deferral", "text": "acute illness", "months": "2"},
        ("Deferred", "Deferred until"), "Urine drug test put off until",
    ),
    Action(
        "own interval with a reason", "-High", "G03", "Urine drug test",
        {"do": "interval", "every": "12", "months": "6", "text": "stable for years"},
        ("Up to date", "Urine drug test on"), "Urine drug test every 12 months until",
    ),
    Action(
        "tier confirmed", "-Sig", "tier", "Risk tier", {"do": "tier:low", "text": "known for years"},
        ("Up to date", "Low, confirmed on"), "Risk tier confirmed: low",
    ),
    Action(
        "long-term therapy confirmed", "-Methadone", "therapy", "", {"do": "ltot:yes"},
        ("Long-term opioid therapy: yes", "State: confirmed."), "Long-term opioid therapy: yes on",
    ),
    Action(
        "long-term therapy refused", "-Patch", "therapy", "", {"do": "ltot:no", "text": "short course"},
        ("Long-term opioid therapy: no", "said no"), "Long-term opioid therapy: no on",
    ),
)  # fmt: skip
