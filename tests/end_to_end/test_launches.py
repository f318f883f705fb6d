"""Every sandbox patient, in every flavour, launched as an EHR launches: through to the evaluation shown."""

from app.jobs.demo_check import check_demo
from tests.end_to_end.conftest import Demo

EXPECTED = {
    "Clean": ("yes", "MME 60"),
    "Partial": ("yes", "MME at least 100"),
    "Sig": ("cannot_tell", "MME unknown"),
    "Hospice": ("yes", "MME"),
    "Cancer": ("yes", "MME"),
    "Sickle": ("yes", "MME"),
    "None": ("no", "MME 0"),
    "Acute": ("no", "MME"),
    "Treatment": ("no", "MME unknown"),
    # Where no days' supply is recorded, the as-needed order may have run out: counted "at least" there.
    "Patch": ("yes", ("MME 150", "MME at least 120")),
    "Methadone": ("yes", "MME 141"),
    "Lapsed": ("no", "MME 0"),
    "High": ("yes", "MME 120"),
    "Storm": ("yes", "MME 60"),
    "Minor": ("yes", "MME 15"),
    "Taper": ("yes", "MME"),
}


def test_every_patient_of_every_flavour_is_launched_and_evaluated(demo_of_each_flavour: Demo) -> None:
    lines = list(check_demo(demo_of_each_flavour.addresses))
    assert len(lines) == len(EXPECTED)
    for line in lines:
        case = line.partition(",")[0].removeprefix("Testcase-")
        status, dose = EXPECTED[case]
        assert f"LtOT {status} " in line, line
        assert any(text in line for text in ([dose] if isinstance(dose, str) else dose)), line
