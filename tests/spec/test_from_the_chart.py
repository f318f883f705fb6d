"""From FHIR to the number: charts in which one element is easily misread, and what must come out."""

from __future__ import annotations

from datetime import date

import pytest

from tests.mapping.chart import (
    FENTANYL_25,
    OXYCODONE_10,
    PATIENT,
    concept,
    quantity,
    request,
)
from tests.spec.charts import number
from tests.spec.from_fhir import (
    FOUR_TIMES,
    MONTH,
    ONE_TABLET,
    QID,
    Json,
    answer,
    by,
    dispense,
    reported,
)


@pytest.mark.parametrize("unit", ["bottle", "box", "{Package}", "kit", "bottle of 120"])
def test_packages_are_no_count_of_tablets(unit: str) -> None:
    """One bottle for 30 days is not a thirtieth of a tablet a day: the directions tell the dose."""
    supply = MONTH | {"quantity": quantity(1, unit)}
    mme = answer(request(OXYCODONE_10, dosageInstruction=QID, dispenseRequest=supply)).mme
    assert (number(mme.current), mme.contributions[0].method) == (60, "sig")


def test_a_package_named_by_its_code_alone_is_no_count_of_tablets() -> None:
    supply = MONTH | {
        "quantity": {"value": 1, "code": "C48473", "system": "urn:oid:2.16.840.1.113883.3.26.1.1"}
    }
    mme = answer(request(OXYCODONE_10, dosageInstruction=QID, dispenseRequest=supply)).mme
    assert number(mme.current) == 60


def test_boxes_of_patches_do_not_say_how_long_they_last() -> None:
    patch = [{"timing": {"repeat": {"frequency": 1, "period": 72, "periodUnit": "h"}},
              "doseAndRate": [{"doseQuantity": quantity(1, "patch")}]}]  # fmt: skip
    found = answer(
        request(FENTANYL_25, dosageInstruction=patch, dispenseRequest={"quantity": quantity(2, "box")})
    )
    assert (number(found.mme.current), found.ltot.status) == (60, "cannot_tell")


def test_a_maximum_per_24_of_nothing_is_no_maximum() -> None:
    """Read as 24 days it would cap four tablets a day at a sixth of one."""
    dosage = QID[0] | {"maxDosePerPeriod": {"numerator": quantity(4, "tablet"), "denominator": {"value": 24}}}
    assert number(answer(request(OXYCODONE_10, dosageInstruction=[dosage])).mme.current) == 60


@pytest.mark.parametrize("code", ["mo_j", "{month}", "min"])
def test_a_duration_in_an_unknown_unit_is_not_read_as_days(code: str) -> None:
    supply = {"quantity": quantity(120, "tablet"), "expectedSupplyDuration": {"value": 1, "code": code}}
    mme = answer(request(OXYCODONE_10, dosageInstruction=QID, dispenseRequest=supply)).mme
    assert (number(mme.current), mme.contributions[0].end) == (60, date(2026, 3, 31))


@pytest.mark.parametrize(("end", "mme"), [("2026-02", 0), ("2026-03", 60), ("2026", 60), ("2026-03-11", 0)])
def test_a_period_that_ends_with_a_month_or_a_year_holds_to_its_last_day(end: str, mme: int) -> None:
    bounds = {"boundsPeriod": {"start": "2026-01-02", "end": end}}
    dosage = QID[0] | {"timing": {"repeat": FOUR_TIMES["repeat"] | bounds}}
    found = answer(request(OXYCODONE_10, authoredOn="2026-01-02", dosageInstruction=[dosage]))
    assert number(found.mme.current) == mme


@pytest.mark.parametrize(
    "name",
    ["OxyContin 40 mg ER tab (120 MME/day)", "Norco 10-325 mg (40 MME)", "Percocet - per pain agreement",
     "MS Contin, risk discussed", "Percocet - urine drug test due", "levomethadone 5 mg tablet", "MS-Contin 30 mg",
     "dextropropoxyphene", "hydrocone 10/325", "Vicoden ES", "oxycotin 40", "MSO4 30 mg", "paregoric"],
)  # fmt: skip
def test_an_opioid_in_any_words_is_counted_or_named(name: str) -> None:
    mme = answer(request(None, medicationCodeableConcept={"text": name})).mme
    assert mme.uncounted
    assert not mme.complete


def test_the_equivalents_in_a_name_are_neither_drug_nor_strength() -> None:
    named = {"text": "OxyContin 40 mg ER tablet (60 MME/day)"}
    mme = answer(request(None, medicationCodeableConcept=named, dosageInstruction=QID)).mme
    assert number(mme.current) == 240


@pytest.mark.parametrize(
    "system",
    ["urn:oid:1.2.840.114350.1.13.0.1.7.2.698288", "http://www.whocc.no/atc", "http://snomed.info/sct"],
)
def test_a_drug_known_by_a_foreign_code_alone_may_be_an_opioid(system: str) -> None:
    found = answer(request(None, medicationCodeableConcept=concept(system, "55452001")))
    assert (found.mme.current, found.mme.complete, found.ltot.status) == (None, False, "cannot_tell")


@pytest.mark.parametrize(
    ("text", "mme"),
    [("Take 1 tablet 3 times daily for chronic pain, not for opioid use disorder", 141),
     ("Take 1 tablet 3 times daily. For pain (non-OUD)", 141),
     ("Take 1 tablet 3 times daily for pain, no history of opioid use disorder", 141),
     ("Dissolve on a mat, 3 times daily", 141),
     ("Take 1 tablet 3 times daily for opioid use disorder", None),
     ("Take 1 tablet 3 times daily. MAT", None)],
)  # fmt: skip
def test_methadone_said_not_to_treat_opioid_use_disorder_is_in_the_sum(text: str, mme: float | None) -> None:
    methadone = ("864706", "methadone hydrochloride 10 MG Oral Tablet")
    dosage = QID[0] | {"text": text, "timing": {"repeat": {"frequency": 3, "period": 1, "periodUnit": "d"}}}
    assert number(answer(request(methadone, dosageInstruction=[dosage])).mme.current) == mme


ICD = "http://hl7.org/fhir/sid/icd-10-cm"
DISORDER = concept(ICD, "F11.20")


@pytest.mark.parametrize(
    ("reasons", "text", "mme"),
    [([DISORDER, concept(ICD, "G89.4")], "", 141), ([DISORDER], "for chronic pain", 141),
     ([{"text": "chronic pain, history of opioid dependence"}], "", 141),
     ([DISORDER], "", None), ([DISORDER], "not for pain", None)],
)  # fmt: skip
def test_methadone_ordered_for_pain_as_well_is_in_the_sum(
    reasons: list[Json], text: str, mme: float | None
) -> None:
    """F11.20 is on many orders for pain; a pharmacy fills no methadone for opioid use disorder."""
    methadone = ("864706", "methadone hydrochloride 10 MG Oral Tablet")
    dosage = {"text": f"Take 1 tablet 3 times daily {text}"}
    found = answer(request(methadone, dosageInstruction=[dosage], reasonCode=reasons)).mme
    assert number(found.current) == mme
    assert [one.reason for one in found.uncounted] == ([] if mme else ["oud_treatment"])
    notes = [one.note for one in found.contributions]
    assert all("for pain and for opioid use disorder" in note for note in notes)


@pytest.mark.parametrize(
    "named", [{"timeOfDay": ["08:00:00", "14:00:00", "20:00:00"]}, {"when": ["MORN", "NOON", "HS"]}]
)
def test_once_a_day_at_three_times_is_counted_as_three(named: Json) -> None:
    timing = {"repeat": {"frequency": 1, "period": 1, "periodUnit": "d"} | named}
    mme = answer(by(dosageInstruction=[{"timing": timing, "doseAndRate": ONE_TABLET}])).mme
    assert number(mme.current) == 45


def test_a_cough_syrup_does_not_explain_the_same_opioid_taken_at_home() -> None:
    syrup = {"text": "hydrocodone-chlorpheniramine ER 10-8 mg/5 mL suspension"}
    cough = request(None, medicationCodeableConcept=syrup, authoredOn="2025-12-10", dispenseRequest=MONTH)
    home = reported("hydrocodone-acetaminophen 10-325 mg tablet", dateAsserted="2026-02-01")
    found = answer(cough, home)
    assert ([one.reason for one in found.mme.uncounted], found.mme.current) == (["reported_only"], None)
    assert (found.mme.complete, found.ltot.status) == (False, "cannot_tell")


def test_an_opioid_taken_for_years_is_current_when_it_was_told_last_month() -> None:
    since = {"effectivePeriod": {"start": "2019-05-01"}, "dateAsserted": "2026-02-01"}
    found = answer(reported("oxycodone 10 mg tablet", **since))
    assert (found.mme.current, found.mme.complete, found.ltot.status) == (None, False, "cannot_tell")


@pytest.mark.parametrize("member", [{"status": "Active"}, {"status": "active "}, {"intent": "Order"}])
def test_codes_are_read_in_any_case(member: Json) -> None:
    mme = answer(by(dosageInstruction=QID, dispenseRequest=MONTH, **member)).mme
    assert (number(mme.current), mme.complete) == (60, True)


@pytest.mark.parametrize("member", [{"status": "in-progress"}, {"status": "signed"}, {"intent": "directive"}])
def test_an_opioid_with_a_code_fhir_does_not_know_never_vanishes(member: Json) -> None:
    found = answer(by(dosageInstruction=QID, dispenseRequest=MONTH, **member))
    assert (found.mme.current, found.mme.complete, found.ltot.status) == (None, False, "cannot_tell")
    assert [(one.code.value, one.where) for one in found.issues] == [("unreadable", next(iter(member)))]


@pytest.mark.parametrize("member", [{"status": "cancelled"}, {"status": "draft"}, {"intent": "option"}])
def test_codes_of_fhir_that_supply_nothing_are_no_trouble(member: Json) -> None:
    found = answer(by(dosageInstruction=QID, dispenseRequest=MONTH, **member))
    assert (found.mme.current, found.mme.complete, found.issues) == (0, True, ())


@pytest.mark.parametrize(
    "told", [dispense(whenHandedOver="2026-03-03", **MONTH), reported("oxycodone 10 mg tablet")]
)
def test_fills_and_reports_with_an_unknown_status_are_named(told: Json) -> None:
    found = answer(told | {"status": "Done"})
    assert [one.where for one in found.issues if one.code == "unreadable"] == ["status"]
    assert (found.mme.current, found.mme.complete, found.ltot.status) == (None, False, "cannot_tell")


HOME = {"category": [{"coding": [{"code": "community"}]}]}
PUMP = HOME | {"dosageInstruction": [{"text": "8 mg/day by pump"}]}
NEEDLE = HOME | {"dosageInstruction": [{"route": {"text": "subcutaneous"}}]}
TINCTURE = {"dosageInstruction": [{"text": "Take 0.6 mL 4 times daily"}], "dispenseRequest": MONTH}


@pytest.mark.parametrize(
    ("name", "members", "reason"),
    [("morphine PF 25 mg/mL intrathecal pump solution", PUMP, "injected"),
     ("hydromorphone 2 mg/mL injection", NEEDLE, "injected"),
     ("opium tincture 10 mg/mL", TINCTURE, "antidiarrhoeal")],
)  # fmt: skip
def test_opioids_at_home_without_a_factor_are_named_beside_the_sum(
    name: str, members: Json, reason: str
) -> None:
    other = request(None, id="x", medicationCodeableConcept={"text": name}, **members)
    tablets = by(dosageInstruction=QID, dispenseRequest=MONTH)
    alone, both = answer(other).mme, answer(other, tablets).mme
    assert ([one.reason for one in alone.uncounted], alone.current, alone.complete) == ([reason], None, True)
    assert ([one.reason for one in both.uncounted], number(both.current), both.complete) == (
        [reason],
        60,
        True,
    )


def test_an_opioid_given_by_vein_in_a_clinic_is_not_taken_home() -> None:
    members = {
        "category": [{"text": "Outpatient"}],
        "dosageInstruction": [{"route": {"text": "intravenous"}}],
    }
    given = request(None, medicationCodeableConcept={"text": "fentanyl 50 mcg/mL injection"}, **members)
    assert answer(given).mme.current == 0


@pytest.mark.parametrize(
    ("when", "mme"), [(["AC"], 30), (["C"], 30), (["PC", "HS"], 30), (["CM", "CD", "CV"], 45)]
)
def test_twice_a_day_with_meals_is_twice(when: list[str], mme: int) -> None:
    timing = {"repeat": {"frequency": 2, "period": 1, "periodUnit": "d", "when": when}}
    found = answer(by(dosageInstruction=[{"timing": timing, "doseAndRate": ONE_TABLET}])).mme
    assert number(found.current) == mme


def test_one_instruction_sent_in_fields_and_again_in_words_is_taken_once() -> None:
    words = {"text": "Take 1 tablet by mouth 4 times daily"}
    mme = answer(request(OXYCODONE_10, dosageInstruction=[*QID, words], dispenseRequest=MONTH)).mme
    assert (number(mme.current), number(mme.sig_max), mme.complete) == (60, 60, True)
    alone = {"quantity": quantity(120, "tablet")}
    mme = answer(
        request(OXYCODONE_10, authoredOn="2026-02-20", dosageInstruction=[*QID, words], dispenseRequest=alone)
    ).mme
    assert number(mme.current) == 60


def test_other_words_beside_an_instruction_in_fields_are_added() -> None:
    words = {"text": "Take 2 tablets by mouth at bedtime"}
    mme = answer(request(OXYCODONE_10, dosageInstruction=[*QID, words])).mme
    assert number(mme.sig_max) == 90


@pytest.mark.parametrize(
    ("text", "differs"),
    [
        ("Take 1 tablet in the morning and 3 tablets at bedtime", False),
        ("Take 1 tablet in the morning and 2 tablets at bedtime", True),
        ("Take 2 tablets in the morning and 4 tablets at bedtime", True),
    ],
)
def test_words_that_add_up_to_another_day_than_the_fields_are_named(text: str, differs: bool) -> None:
    found = answer(request(OXYCODONE_10, dosageInstruction=[{**QID[0], "text": text}], dispenseRequest=MONTH))
    assert ("codes_disagree" in {issue.code.value for issue in found.issues}) is differs


def test_nobody_is_called_about_a_person_recorded_as_deceased() -> None:
    """In supply on the day of death: nothing is due, and nothing needs a look."""
    person = {"resourceType": "Patient", "id": PATIENT, "deceasedDateTime": "2026-03-05T04:00:00Z"}
    supply = by(authoredOn="2026-02-20", dosageInstruction=QID, dispenseRequest=MONTH)
    assert "overdue" in {gap.status for gap in answer(supply).gaps}
    found = answer(person, supply)
    assert {(gap.status, gap.text) for gap in found.gaps} == {("not_applicable", "Recorded as deceased")}
    ended = by(authoredOn="2026-01-20", dosageInstruction=QID, dispenseRequest=MONTH)
    assert {gap.status for gap in answer(person, ended).gaps} == {"not_applicable"}


def test_a_reason_for_naloxone_says_the_dose_as_the_headline_does() -> None:
    """Twice as much is allowed as needed: that is not what is taken a day."""
    as_needed = {
        "timing": {"repeat": {"frequency": 8, "period": 1, "periodUnit": "d"}},
        "asNeededBoolean": True,
    }
    order = by(dosageInstruction=[as_needed | {"doseAndRate": ONE_TABLET}], dispenseRequest=MONTH)
    assert _naloxone(order) == (60, 120, "None in 24 months; 60 MME a day")
    unread = by(id="u", medicationCodeableConcept={"text": "tramadol 50 mg tablet"})
    assert _naloxone(order, unread)[2].startswith("None in 24 months; at least 60 MME a day")
    assert "at least 60 MME a day" in answer(order, unread).risk.reasons


def _naloxone(*resources: Json) -> tuple[float | None, float | None, str]:
    found = answer(*resources)
    gap = next(gap for gap in found.gaps if gap.id == "G13")
    return number(found.mme.current), number(found.mme.sig_max), gap.text
