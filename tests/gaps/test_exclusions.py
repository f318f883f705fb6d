"""Exclusions: which conditions take the dose rules away, with their evidence, and which do not."""

from datetime import date

import pytest

from app.clinical.exclusions import exclusions
from app.clinical.policy import Policy, parse_policy
from fhir_mappings.facts import Person
from tests.gaps.build import AS_OF, chart, event, problem


def kinds(*items, person: Person | None = None) -> list[str]:
    facts = chart(*items, person=person) if person else chart(*items)
    return [one.kind for one in exclusions(facts, Policy(), AS_OF)]


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        (problem("active_cancer:malignant"), ["cancer"]),
        (problem("active_cancer:uncertain_or_in_situ"), ["cancer"]),
        (problem("cancer_pain"), ["cancer"]),
        (problem("active_cancer:non_melanoma_skin"), []),
        (problem("active_cancer:remission"), []),
        (problem("cancer_history"), []),
        (problem("active_cancer", active=False), []),
        (problem("active_cancer", abated=date(2024, 1, 1)), []),
        (problem("active_cancer", confirmed=False), []),
        (problem("active_cancer", "2025-07-01"), []),
        (problem("active_cancer", category="encounter-diagnosis"), []),
        (problem("sickle_cell_disease"), ["sickle_cell"]),
        (problem("sickle_cell_trait"), []),
        (problem("hospice"), ["hospice"]),
        (event("hospice", "2025-05-01", "ServiceRequest"), ["hospice"]),
        (event("hospice", "2025-05-01", "ServiceRequest", done=False), []),
        (event("hospice", "2025-07-01", "ServiceRequest"), []),
        (problem("palliative_care"), ["palliative"]),
        (problem("active_cancer", active=None), ["cancer"]),
        (problem("active_cancer", active=None, category="medical-history"), []),
        (problem("hospice", "2019-05-01", active=None, category="encounter-diagnosis"), []),
        (problem("hospice", "2019-05-01", category="encounter-diagnosis"), ["hospice"]),
        (
            problem("palliative_care", "2025-03-01", active=None, category="encounter-diagnosis"),
            ["palliative"],
        ),
        (problem("palliative_care", None, active=None, category="encounter-diagnosis"), []),
        (problem("sickle_cell_disease", None, active=None, category="encounter-diagnosis"), ["sickle_cell"]),
        (event("palliative_care", "2019-05-01", "ServiceRequest"), []),
    ],
)
def test_what_excludes_and_what_does_not(item, expected: list[str]) -> None:
    assert kinds(item) == expected


def test_a_cancer_at_two_visits_within_a_year_excludes() -> None:
    visits = [
        problem("active_cancer", day, category="encounter-diagnosis") for day in ("2025-01-01", "2025-03-01")
    ]
    assert kinds(*visits) == ["cancer"]
    long_ago = [
        problem("active_cancer", day, category="encounter-diagnosis") for day in ("2023-01-01", "2025-03-01")
    ]
    assert kinds(*long_ago) == []
    same_day = [
        problem("active_cancer", "2025-03-01", category="encounter-diagnosis", ref=f"Condition/{n}")
        for n in (1, 2)
    ]
    assert kinds(*same_day) == []
    undated = [
        problem("active_cancer", None, active=None, category="encounter-diagnosis", ref=f"Condition/{n}")
        for n in (1, 2)
    ]
    assert kinds(*undated) == []


@pytest.mark.parametrize(
    ("born", "excluded"), [(date(2007, 6, 15), False), (date(2007, 6, 16), True), (None, False)]
)
def test_eighteen_is_counted_on_the_birthday(born: date | None, excluded: bool) -> None:
    assert kinds(person=Person("p1", born)) == (["age"] if excluded else [])


def test_the_evidence_names_the_condition_and_since_when() -> None:
    found = exclusions(chart(problem("sickle_cell_disease", "2023-04-02")), Policy(), AS_OF)[0]
    assert (found.text, found.refs, found.since) == (
        "sickle cell disease",
        ("Condition/sickle_cell_disease-2023-04-02",),
        date(2023, 4, 2),
    )


def test_a_clinic_can_turn_an_exclusion_off() -> None:
    policy = parse_policy('id = "x"\nversion = "1"\n[exclusions]\nhospice = false')
    assert exclusions(chart(problem("hospice")), policy, AS_OF) == ()
