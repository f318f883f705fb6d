"""Free-text directions: read to the last word, or refused; never guessed."""

import csv
import gzip
import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_mappings.sig_text import parse_sig
from tests.sig.reading import written

with (Path(__file__).parent / "sigs.csv").open(newline="", encoding="utf-8") as file:
    SIGS = [(row["sig"], row["reading"]) for row in csv.DictReader(file)]
READ = [sig for sig, reading in SIGS if reading != "refused"]
REFUSED = [sig for sig, reading in SIGS if reading == "refused"]
SHARED = Path(__file__).resolve().parents[3] / "shared/data"


@pytest.mark.parametrize(("sig", "reading"), SIGS, ids=[sig or "(empty)" for sig, _ in SIGS])
def test_reads_what_is_written(sig: str, reading: str) -> None:
    assert written(parse_sig(sig)) == reading


def test_the_list_is_long_and_holds_many_that_must_be_refused() -> None:
    assert len(SIGS) == len({sig for sig, _ in SIGS}) >= 320
    assert len(REFUSED) >= 60


@pytest.mark.parametrize("sig", REFUSED, ids=[sig or "(empty)" for sig in REFUSED])
def test_a_refused_sig_says_why_and_carries_no_dose(sig: str) -> None:
    reading = parse_sig(sig)
    assert reading.reason.replace("_", "").isalpha()
    assert (reading.steps, reading.is_complete) == ((), False)
    assert reading.confidence < 0.9


@pytest.mark.parametrize("word", ["zzgrmpf", "unless", "alternating", "not", "777"])
def test_one_word_that_is_not_understood_refuses_every_sig(word: str) -> None:
    still_read = [sig for sig in READ if parse_sig(f"{sig} {word}").status == "parsed"]
    assert still_read == []


@pytest.mark.parametrize("further", ["take 3 tablets every 5 hours", "or 7 tablets q2h"])
def test_a_second_instruction_is_never_dropped(further: str) -> None:
    """It is refused, or counted; it never disappears behind the first."""
    for sig in READ:
        reading = parse_sig(f"{sig} {further}")
        most = max((step.dose_high or 0 for step in reading.steps), default=None)
        assert most is None or most in {3, 7}, sig


def test_letter_case_and_spaces_do_not_matter() -> None:
    for sig, reading in SIGS:
        assert written(parse_sig(f"  {sig.upper()} ")) == reading
        assert written(parse_sig(sig.replace(" ", "  "))) == reading


@pytest.mark.parametrize("sig", READ)
def test_numbers_of_a_reading_are_sound(sig: str) -> None:
    for step in parse_sig(sig).steps:
        if step.dose_high is not None:
            assert 0 < step.dose_low <= step.dose_high
        if step.per_day_high is not None:
            assert 0 < step.per_day_low <= step.per_day_high <= 24


def test_a_single_step_may_be_silent_on_dose_or_frequency_and_says_so() -> None:
    assert not parse_sig("every 6 hours").is_complete
    assert not parse_sig("Take 1 tablet").is_complete
    assert parse_sig("1 tab q6h").is_complete


def test_nothing_becomes_once_daily_by_default() -> None:
    for text in ("Take 1 tablet", "10 mg", "Take 1 tablet by mouth", "Take 1 tablet with food"):
        assert [step.per_day_high for step in parse_sig(text).steps] == [None]


@given(st.text())
def test_any_text_gets_a_reading(text: str) -> None:
    assert parse_sig(text).status in {"parsed", "refused"}


WORDS = """
    take 1 2 0.5 1/2 ½ 10 mg tablet tabs patch mL every q 4 6 - to hours h daily bid tid prn as needed for pain max per
    day and then at bedtime morning days x 7 ( ) , . ; / = half one two not exceed once week monday until 5/1/2024
    starting am pm each dose
""".split()  # noqa: SIM905 - a word list reads better as words


@given(st.lists(st.sampled_from(WORDS), max_size=14).map(" ".join))
def test_any_order_of_sig_words_gets_a_sound_reading(text: str) -> None:
    reading = parse_sig(text)
    for step in reading.steps:
        assert step.dose_high is None or 0 < step.dose_low <= step.dose_high
        assert step.per_day_high is None or 0 < step.per_day_low <= step.per_day_high
    assert (reading.status == "refused") == bool(reading.reason)


def test_long_and_hostile_texts_are_refused_quickly() -> None:
    started = time.process_time()
    for text in (
        "1 " * 50_000,
        "(" * 599,
        "1-" * 290,
        "every " * 100,
        "for " + "severe " * 80,
        "a.b." * 140,
        "½" * 599,
    ):
        assert parse_sig(text).status == "refused"
    assert time.process_time() - started < 2


def test_a_population_is_read_at_more_than_20_000_sigs_a_second() -> None:
    started = time.process_time()
    for _ in range(100):
        for sig, _ in SIGS:
            parse_sig(sig)
    assert 100 * len(SIGS) / (time.process_time() - started) > 20_000


def _texts(value: object) -> Iterator[str]:
    """Every text of a dosage instruction, wherever it stands."""
    if isinstance(value, list):
        for member in value:
            yield from _texts(member)
    elif isinstance(value, dict):
        dosages = value.get("dosageInstruction")
        for dosage in dosages if isinstance(dosages, list) else []:
            yield from (
                dosage[key] for key in ("text", "patientInstruction") if isinstance(dosage.get(key), str)
            )
        yield from _texts(list(value.values()))


def _documents() -> Iterator[object]:
    for path in sorted(SHARED.rglob("*.json")):
        if path.stat().st_size < 5_000_000:
            yield json.loads(path.read_text(encoding="utf-8", errors="replace"))
    for path in sorted(SHARED.rglob("*MedicationRequest*.ndjson*")):
        opened = gzip.open if path.suffix == ".gz" else open
        with opened(path, "rt", encoding="utf-8") as lines:
            yield from (json.loads(line) for line in lines if line.strip())


@pytest.mark.shared
def test_every_sig_in_the_public_samples_gets_a_reading_and_nothing_is_printed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    if not SHARED.is_dir():
        pytest.skip("the prepared public data is not beside the project")
    texts = {text for document in _documents() for text in _texts(document)}
    readings = {text: parse_sig(text) for text in texts}
    assert len(readings) > 100
    assert sum(reading.status == "parsed" for reading in readings.values()) > 50
    assert capsys.readouterr() == ("", "")
