"""What clinicians do with the panel, step by step: walked in a browser and printed in the documentation."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Task:
    """clicks: accessible names of what is pressed, in order.  keys: the same from the keyboard, once the first of
    them has the focus.  shows: selector and words of what is seen at the end.  most: clicks allowed."""

    name: str
    clicks: tuple[tuple[str, str], ...]
    keys: tuple[str, ...]
    shows: tuple[str, str]
    most: int
    takes_back: bool = False

    @property
    def counts(self) -> str:
        return f"{self.name}: {len(self.clicks)} clicks, {len(self.keys)} keystrokes"


TASKS = (
    Task("Read the status", (), (), (".card h2 >> nth=0", "Long-term opioid therapy: yes"), 0),
    Task(
        "Understand one number",
        (("section:has(.number) > .why > summary", "Why"),),
        ("Enter",),
        (".card table.sum", "MME/day"),
        1,
    ),
    Task(
        "Record a PDMP check",
        (("a", "Record: PDMP check"), ("button", "As expected")),
        ("Enter", "Tab", "Enter"),
        ("section:has(h2:text('Recorded in visits'))", "PDMP checked: as expected"),
        2,
        takes_back=True,
    ),
    Task(
        "Put off a care gap",
        (("a", "Put off: Urine drug test"), ("button", "patient asks for another day")),
        ("Enter", "Tab", "Tab", "Enter"),
        ("section:has(h2:text('Recorded in visits'))", "Urine drug test put off until"),
        2,
        takes_back=True,
    ),
    Task("Copy the summary", (("button", "Copy summary"),), ("Enter",), ("[data-copy]", "Summary copied"), 1),
)


def tasks_page() -> str:
    """docs/clinician-tasks.md: each task with its counted clicks and keystrokes."""
    lines = [
        "# What a clinician does, counted",
        "",
        "Clicks with a mouse or finger from the open panel; keystrokes once the first control has the focus. Nothing",
        "has to be typed. `tests/end_to_end/test_clinician_tasks.py` walks each row in a browser, both ways.",
        "",
        "This page is written by `make docs` from the steps that the test walks.",
        "",
        "| task | clicks | keystrokes | steps |",
        "|---|---|---|---|",
    ]
    for task in TASKS:
        steps = ", ".join(f"“{name}”" for _, name in task.clicks) or "read"
        lines.append(f"| {task.name} | {len(task.clicks)} | {len(task.keys)} | {steps} |")
    return "\n".join(lines) + "\n"
