"""Everything in a chart that is not a medication: problems, results, visits, documents, procedures."""

from typing import Any

from app.sandbox.charts import Chart
from app.sandbox.config import Resource
from app.sandbox.orders import EPIC_OID, ORACLE, SNOMED, Writer, hash_code

LOINC = "http://loinc.org"
ICD10 = "http://hl7.org/fhir/sid/icd-10-cm"
_TERMS = "http://terminology.hl7.org/CodeSystem"

CONDITIONS = {
    "chronic_pain": ("G89.4", "Chronic pain syndrome"),
    "long_term_opioid": ("Z79.891", "Long term (current) use of opiate analgesic"),
    "low_back_pain": ("M54.16", "Radiculopathy, lumbar region"),
    "sleep_apnea": ("G47.33", "Obstructive sleep apnea (adult) (pediatric)"),
    "anxiety": ("F41.1", "Generalized anxiety disorder"),
    "palliative": ("Z51.5", "Encounter for palliative care"),
    "copd": ("J44.9", "Chronic obstructive pulmonary disease, unspecified"),
    "breast_cancer": ("C50.911", "Malignant neoplasm of unspecified site of right female breast"),
    "cancer_pain": ("G89.3", "Neoplasm related pain (acute) (chronic)"),
    "sickle_cell": ("D57.1", "Sickle-cell disease without crisis"),
    "hypertension": ("I10", "Essential (primary) hypertension"),
    "acute_pain": ("G89.11", "Acute pain due to trauma"),
    "opioid_use_disorder": ("F11.20", "Opioid dependence, uncomplicated"),
}
PROCEDURES = {
    "pdmp": ("461621000124108", "Review of prescription drug monitoring program record"),
    "safety_counselling": ("460831000124102", "Counseling about opioid safety"),
    "risk_assessment": ("454281000124100", "Assessment of risk for opioid abuse"),
    "taper": ("874903005", "Management of opioid dosage tapering"),
}
SCREENS = {
    "peg": ("91147-9", "Mean score [PEG]"),
    "ort": ("91392-1", "Total score ORT"),
    "phq9": ("44261-6", "Patient Health Questionnaire 9 item (PHQ-9) total score [Reported]"),
    "gad7": ("70274-6", "Generalized anxiety disorder 7 item (GAD-7) total score [Reported.PHQ]"),
    "pcptsd5": ("102017-1", "PC-PTSD-5 total score"),
    "auditc": ("75626-2", "Total score [AUDIT-C]"),
    "dast10": ("82667-7", "Total score [DAST-10]"),
}
ANALYTES = {
    "oxycodone": ("19642-8", "oxyCODONE [Presence] in Urine by Screen method"),
    "morphine": ("19295-5", "Opiates [Presence] in Urine by Screen method"),
    "benzodiazepines": ("14316-4", "Benzodiazepines [Presence] in Urine by Screen method"),
    "fentanyl": ("59673-4", "fentaNYL [Presence] in Urine by Screen method"),
    "methadone": ("19550-3", "Methadone [Presence] in Urine by Screen method"),
    "buprenorphine": ("93494-3", "Buprenorphine [Presence] in Urine by Screen method"),
    "cocaine": ("14314-9", "Benzoylecgonine [Presence] in Urine by Screen method"),
}


def findings(writer: Writer) -> list[Resource]:
    """All non-medication resources of a chart, the Patient first, in the writer's flavour."""
    chart = writer.chart
    found = [_patient(writer)]
    found += [_condition(writer, name) for name in chart.conditions]
    found += [_encounter(writer, ago) for ago in chart.visits]
    if chart.in_progress:
        start = {"start": f"{writer.day(0).isoformat()}T12:00:00Z"}
        found.append({**_encounter(writer, 0), "status": "in-progress", "period": start})
    found += [_screen(writer, *screen) for screen in chart.screens]
    found += [_procedure(writer, name, ago) for name, ago in chart.procedures]
    for ago, positive in chart.drug_tests:
        found += _drug_test(writer, ago, positive)
    if chart.next_visit is not None:
        found.append(_appointment(writer, chart.next_visit))
    if chart.agreement is not None:
        found.append(_agreement(writer, chart.agreement))
    if chart.hospice is not None:
        found.append(_hospice(writer, chart.hospice))
    return found


def _coded(writer: Writer, system: str, code: str, display: str) -> dict[str, Any]:
    coding = [{"system": system, "code": code, "display": display}]
    if writer.flavour == "epic":
        coding.append({"system": f"{EPIC_OID}.2.768282", "code": str(hash_code(code)), "display": display})
    elif writer.flavour == "oracle":
        coding.insert(0, {"system": f"{ORACLE}/codeSet/72", "code": str(hash_code(code)), "display": display})
    return {"coding": coding, "text": display}


def _category(system: str, code: str, display: str) -> list[dict[str, Any]]:
    return [{"coding": [{"system": f"{_TERMS}/{system}", "code": code, "display": display}], "text": display}]


def _base(writer: Writer, resource_type: str, key: str) -> dict[str, Any]:
    return {"resourceType": resource_type, "id": writer.id(resource_type, f"{writer.chart.key}-{key}")}


def _patient(writer: Writer) -> Resource:
    chart: Chart = writer.chart
    year = writer.as_of.year - chart.age - 1
    return {
        "resourceType": "Patient",
        "id": writer.id("Patient", chart.key),
        "identifier": [
            {
                "type": {"coding": [{"system": f"{_TERMS}/v2-0203", "code": "MR"}]},
                "system": "urn:oid:1.2.840.114350.1.13.999.3.7.5.737384.0",
                "value": f"SBX{hash_code(chart.key)}",
            }
        ],
        "active": True,
        "name": [{"use": "official", "family": chart.family, "given": [chart.given]}],
        "gender": chart.sex,
        # Born in December, so that the age in years holds on any day of the year but the last.
        "birthDate": f"{year}-12-31",
        "generalPractitioner": [writer.reference("Practitioner", "clinician")],
    }


def _condition(writer: Writer, name: str) -> Resource:
    code, display = CONDITIONS[name]
    return {
        **_base(writer, "Condition", name),
        "clinicalStatus": {"coding": [{"system": f"{_TERMS}/condition-clinical", "code": "active"}]},
        "verificationStatus": {"coding": [{"system": f"{_TERMS}/condition-ver-status", "code": "confirmed"}]},
        "category": _category("condition-category", "problem-list-item", "Problem List Item"),
        "code": {"coding": [{"system": ICD10, "code": code, "display": display}], "text": display},
        "subject": writer.subject,
        "onsetDateTime": writer.day(800 if name != "acute_pain" else 3).isoformat(),
        "recordedDate": writer.day(800 if name != "acute_pain" else 3).isoformat(),
    }


def _encounter(writer: Writer, ago: int) -> Resource:
    visit_class: dict[str, str] = {"system": f"{_TERMS}/v3-ActCode", "code": "AMB", "display": "ambulatory"}
    if writer.flavour == "epic":
        visit_class = {
            "system": "urn:oid:1.2.840.114350.1.72.1.7.7.10.696784.13260",
            "code": "13",
            "display": "Support OP Encounter",
        }
    day = writer.day(ago).isoformat()
    return {
        **_base(writer, "Encounter", f"visit-{ago}"),
        "status": "finished",
        "class": visit_class,
        "type": [{"text": "Office Visit"}],
        "subject": writer.subject,
        "participant": [{"individual": writer.reference("Practitioner", "clinician")}],
        "period": {"start": f"{day}T16:00:00Z", "end": f"{day}T16:30:00Z"},
    }


def _appointment(writer: Writer, ahead: int) -> Resource:
    day = writer.day(-ahead).isoformat()
    return {
        **_base(writer, "Appointment", "next"),
        "status": "booked",
        "serviceCategory": [{"coding": [{"system": f"{_TERMS}/service-category", "code": "appointment"}]}],
        "description": "Follow-up visit",
        "start": f"{day}T16:00:00Z",
        "end": f"{day}T16:30:00Z",
        "participant": [
            {"actor": writer.subject, "status": "accepted"},
            {"actor": writer.reference("Practitioner", "clinician"), "status": "accepted"},
        ],
    }


def _screen(writer: Writer, name: str, ago: int, score: float) -> Resource:
    code, display = SCREENS[name]
    return {
        **_base(writer, "Observation", f"{name}-{ago}"),
        "status": "final",
        "category": _category("observation-category", "survey", "Survey"),
        "code": _coded(writer, LOINC, code, display),
        "subject": writer.subject,
        "effectiveDateTime": f"{writer.day(ago).isoformat()}T16:10:00Z",
        "valueQuantity": {
            "value": score,
            "unit": "{score}",
            "system": "http://unitsofmeasure.org",
            "code": "{score}",
        },
    }


def _procedure(writer: Writer, name: str, ago: int) -> Resource:
    code, display = PROCEDURES[name]
    return {
        **_base(writer, "Procedure", f"{name}-{ago}"),
        "status": "completed",
        "category": {"coding": [{"system": SNOMED, "code": "103693007"}], "text": "Diagnostic procedure"},
        "code": _coded(writer, SNOMED, code, display),
        "subject": writer.subject,
        "performedDateTime": f"{writer.day(ago).isoformat()}T16:15:00Z",
        "performer": [{"actor": writer.reference("Practitioner", "clinician")}],
    }


def _drug_test(writer: Writer, ago: int, positive: tuple[str, ...]) -> list[Resource]:
    """A urine panel: the analytes named are positive, benzodiazepines and cocaine always tested."""
    moment = f"{writer.day(ago).isoformat()}T15:00:00Z"
    results: list[Resource] = []
    for analyte in dict.fromkeys([*positive, "oxycodone", "morphine", "benzodiazepines", "cocaine"]):
        code, display = ANALYTES[analyte]
        word, snomed = ("Positive", "10828004") if analyte in positive else ("Negative", "260385009")
        results.append(
            {
                **_base(writer, "Observation", f"udt-{ago}-{analyte}"),
                "status": "final",
                "category": _category("observation-category", "laboratory", "Laboratory"),
                "code": _coded(writer, LOINC, code, display),
                "subject": writer.subject,
                "effectiveDateTime": moment,
                "issued": moment,
                "valueCodeableConcept": {
                    "coding": [{"system": SNOMED, "code": snomed, "display": word}],
                    "text": word,
                },
            }
        )
    report = {
        **_base(writer, "DiagnosticReport", f"udt-{ago}"),
        "status": "final",
        "category": _category("v2-0074", "LAB", "Laboratory"),
        "code": _coded(writer, LOINC, "69739-1", "Drugs of abuse panel - Urine by Screen method"),
        "subject": writer.subject,
        "effectiveDateTime": moment,
        "issued": moment,
        "result": [{"reference": f"Observation/{item['id']}"} for item in results],
    }
    return [report, *results]


def _agreement(writer: Writer, ago: int) -> Resource:
    return {
        **_base(writer, "DocumentReference", f"agreement-{ago}"),
        "status": "current",
        "docStatus": "final",
        "type": _coded(writer, LOINC, "94136-9", "Controlled substance agreement"),
        "category": [{"coding": [{"system": LOINC, "code": "11503-0", "display": "Medical records"}]}],
        "subject": writer.subject,
        "date": f"{writer.day(ago).isoformat()}T16:20:00Z",
        "author": [writer.reference("Practitioner", "clinician")],
        "description": "Controlled substance agreement, signed",
        "content": [
            {"attachment": {"contentType": "application/pdf", "title": "Controlled substance agreement"}}
        ],
    }


def _hospice(writer: Writer, ago: int) -> Resource:
    return {
        **_base(writer, "ServiceRequest", f"hospice-{ago}"),
        "status": "active",
        "intent": "order",
        "category": [{"coding": [{"system": SNOMED, "code": "3457005"}], "text": "Referral"}],
        "code": _coded(writer, SNOMED, "385763009", "Hospice care"),
        "subject": writer.subject,
        "authoredOn": f"{writer.day(ago).isoformat()}T16:00:00Z",
        "requester": writer.reference("Practitioner", "clinician"),
    }
