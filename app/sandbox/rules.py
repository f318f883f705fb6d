"""Which searches each flavour accepts, refuses, or answers with less than was asked."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from app.sandbox.outcomes import FhirRefusedError, Issue
from app.sandbox.search import Params, known

CONTROL = frozenset(
    {"_count", "_include", "_revinclude", "_sort", "_summary", "_total", "_format", "_elements"}
)

# Epic lists these first in its CapabilityStatement; everything else is filtered after the page is cut.
_EPIC_NATIVE: Mapping[str, frozenset[str]] = {
    "Appointment": frozenset({"patient", "date", "identifier", "service-category", "status"}),
    "Condition": frozenset(
        [
            "patient",
            "subject",
            "category",
            "clinical-status",
            "code",
            "encounter",
            "onset-date",
            "recorded-date",
            "abatement-date",
        ]
    ),
    "DocumentReference": frozenset(
        ["patient", "subject", "category", "date", "type", "docstatus", "encounter", "period", "_lastUpdated"]
    ),
    "Encounter": frozenset({"patient", "subject", "class", "date", "identifier"}),
    "MedicationDispense": frozenset({"patient", "subject", "category"}),
    "MedicationRequest": frozenset({"patient", "subject", "category", "date", "intent", "status"}),
    "Observation": frozenset({"patient", "subject", "category", "code", "date", "issued"}),
    "Procedure": frozenset({"patient", "subject", "category", "code", "date", "identifier"}),
    "QuestionnaireResponse": frozenset({"patient", "subject", "encounter"}),
    "ServiceRequest": frozenset(
        ["patient", "subject", "category", "code", "authored", "encounter", "status"]
    ),
}
EPIC_OBSERVATION_CATEGORIES = frozenset(
    [
        "laboratory",
        "vital-signs",
        "social-history",
        "survey",
        "sdoh",
        "imaging",
        "core-characteristics",
        "functional-mental-status",
        "procedure",
        "exam",
        "therapy",
        "activity",
        "smartdata",
    ]
)
_EPIC_APIS = {
    "laboratory": "Labs",
    "vital-signs": "Vitals",
    "social-history": "Social History",
    "survey": "Assessments",
    "sdoh": "SDOH Assessments",
    "smartdata": "SmartData Elements",
}

_ORACLE_ALLOWED: Mapping[str, frozenset[str]] = {
    "Appointment": frozenset(
        ["patient", "practitioner", "location", "date", "-date-or-req-period", "status", "_count"]
    ),
    "Condition": frozenset(
        ["patient", "subject", "category", "clinical-status", "encounter", "_lastUpdated", "_revinclude"]
    ),
    "DocumentReference": frozenset(
        [
            "patient",
            "subject",
            "encounter",
            "period",
            "date",
            "type",
            "category",
            "status",
            "_lastUpdated",
            "_count",
        ]
    ),
    "Encounter": frozenset(
        [
            "patient",
            "subject",
            "account",
            "identifier",
            "date",
            "status",
            "_count",
            "_lastUpdated",
            "_revinclude",
        ]
    ),
    "MedicationDispense": frozenset(["patient", "subject", "date", "_lastUpdated", "_count", "_revinclude"]),
    "MedicationRequest": frozenset(
        [
            "patient",
            "subject",
            "status",
            "intent",
            "-timing-boundsPeriod",
            "_lastUpdated",
            "_count",
            "_revinclude",
        ]
    ),
    "Observation": frozenset(
        ["patient", "subject", "category", "code", "date", "_lastUpdated", "_count", "_revinclude"]
    ),
    "Patient": frozenset(
        [
            "identifier",
            "name",
            "family",
            "given",
            "birthdate",
            "phone",
            "email",
            "address-postalcode",
            "gender",
            "_count",
        ]
    ),
    "Procedure": frozenset(["patient", "subject", "date", "_lastUpdated", "_revinclude"]),
    "QuestionnaireResponse": frozenset({"patient", "subject", "_count"}),
    "ServiceRequest": frozenset(["patient", "subject", "code", "_lastUpdated", "_count", "_revinclude"]),
}
_DEMOGRAPHICS = frozenset(
    ["identifier", "name", "family", "given", "birthdate", "phone", "email", "address-postalcode"]
)


@dataclass(slots=True)
class SearchPlan:
    """How a search is run: filters before paging, filters after it, warnings, and ignored names."""

    native: Params
    after_paging: Params = field(default_factory=list)
    warnings: list[Issue] = field(default_factory=list)
    ignored: frozenset[str] = frozenset()
    withheld_categories: frozenset[str] = frozenset()


def plan(
    flavour: str, resource_type: str, params: Params, *, strict: bool, withheld: Collection[str] = ()
) -> SearchPlan:
    """The plan for a search; raises FhirRefusedError as the flavour would.

    `strict` is `Prefer: handling=strict`. `withheld` may hold `Observation.<category>` entries.
    """
    if flavour == "epic":
        return _epic(resource_type, params, withheld)
    if flavour == "oracle":
        return _oracle(resource_type, params)
    names = {name for name, _ in params}
    unknown = names - known(resource_type) - CONTROL
    if unknown and strict:
        raise FhirRefusedError(
            400, Issue("not-supported", f"Unknown parameter: {', '.join(sorted(unknown))}")
        )
    return SearchPlan(
        native=[pair for pair in params if pair[0] not in CONTROL | unknown], ignored=frozenset(unknown)
    )


def _epic(resource_type: str, params: Params, withheld: Collection[str]) -> SearchPlan:
    names = {name for name, _ in params}
    unknown = names - known(resource_type) - CONTROL
    notes = [
        Issue(
            "invalid",
            f"Unknown parameter: {name.upper()}. Parameter has been ignored.",
            "information",
            "59100",
        )
        for name in sorted(unknown)
    ]
    if resource_type == "Patient":
        enough = "_id" in names or {"identifier"} & names or {"family", "birthdate"} <= names
        if unknown or not enough:
            text = "This resource requires demographics or _id parameter for searching."
            raise FhirRefusedError(400, *notes, Issue("business-rule", text, vendor="59159"))
    elif not {"patient", "subject", "_id"} & names:
        raise FhirRefusedError(400, Issue("required", "Must have either patient or _id.", vendor="59108"))
    chosen = [pair for pair in params if pair[0] not in CONTROL | unknown]
    if "_id" in names:
        return SearchPlan(native=[pair for pair in chosen if pair[0] == "_id"])
    if resource_type == "Observation":
        return _epic_observation(chosen, notes, withheld)
    if "_lastUpdated" in names and resource_type != "DocumentReference":
        chosen = [pair for pair in chosen if pair[0] != "_lastUpdated"]
    native = _EPIC_NATIVE.get(resource_type, known(resource_type))
    return SearchPlan(
        native=[pair for pair in chosen if pair[0] in native],
        after_paging=[pair for pair in chosen if pair[0] not in native],
    )


def _epic_observation(params: Params, notes: list[Issue], withheld: Collection[str]) -> SearchPlan:
    if notes:
        raise FhirRefusedError(400, *notes, Issue("business-rule", notes[0].text, vendor="59159"))
    asked = [
        part.rpartition("|")[2] for name, value in params if name == "category" for part in value.split(",")
    ]
    if not asked and not any(name == "code" for name, _ in params):
        raise FhirRefusedError(400, Issue("required", "Must have either code or category.", vendor="59108"))
    invalid = [part for part in asked if part not in EPIC_OBSERVATION_CATEGORIES]
    if invalid and len(invalid) == len(asked):
        text = "Required search parameter is provided but has an invalid value"
        raise FhirRefusedError(
            400,
            *(Issue("value", f"Invalid category: {part}", "information", "59109") for part in invalid),
            Issue("value", text, vendor="59111"),
        )
    blocked = frozenset(part for part in EPIC_OBSERVATION_CATEGORIES if f"Observation.{part}" in withheld)
    warnings = [
        Issue(
            "suppressed",
            f"Client not authorized for Observation - {_EPIC_APIS.get(part, 'SmartData Elements')}. "
            "Search results of this type have not been included.",
            "warning",
            "59204",
        )
        for part in sorted(blocked & set(asked) if asked else blocked)
    ]
    if asked and set(asked) <= blocked:
        final = Issue("forbidden", "The client is authorized for none of the sub-resources.", vendor="59022")
        raise FhirRefusedError(400, *warnings, final)
    native = _EPIC_NATIVE["Observation"]
    return SearchPlan(
        native=[pair for pair in params if pair[0] in native],
        after_paging=[pair for pair in params if pair[0] not in native],
        warnings=warnings,
        withheld_categories=blocked,
    )


def _oracle(resource_type: str, params: Params) -> SearchPlan:
    names = {name for name, _ in params}
    allowed = _ORACLE_ALLOWED.get(resource_type, known(resource_type) | CONTROL) | {"_format"}
    if "_id" in names and names - {"_id", "_format", "_revinclude"}:
        raise FhirRefusedError(400, Issue("invalid", "_id may not be combined with other parameters"))
    if "_id" not in names:
        _oracle_required(resource_type, params, names)
    surplus = names - allowed - {"_id"}
    if surplus:
        text = f"{', '.join(sorted(surplus))} not supported; allowed: _id, {', '.join(sorted(allowed))}"
        raise FhirRefusedError(400, Issue("invalid", text))
    native = [
        ("date" if name == "-date-or-req-period" else name, value)
        for name, value in params
        if name not in CONTROL
    ]
    return SearchPlan(native=native)


def _oracle_required(resource_type: str, params: Params, names: set[str]) -> None:
    if resource_type == "Patient":
        if not _DEMOGRAPHICS & names:
            text = (
                "at least one of _id, identifier, name, family, given, birthdate, phone, email, "
                "address-postalcode, or -pageContext must be provided"
            )
            raise FhirRefusedError(400, Issue("invalid", text))
        return
    if resource_type == "Practitioner":
        return
    if not {"patient", "subject", "practitioner", "location"} & names:
        raise FhirRefusedError(400, Issue("invalid", "at least one of _id, patient must be provided"))
    if resource_type == "Appointment" and not {"date", "-date-or-req-period"} & names:
        raise FhirRefusedError(400, Issue("invalid", "one of date, -date-or-req-period must be provided"))
    dates = [value for name, value in params if name in {"date", "period"}]
    closed = {value[:2] for value in dates} in ({"ge", "lt"}, {"ge", "le"}, {"gt", "lt"}, {"gt", "le"})
    if dates and resource_type in {"Encounter", "Procedure", "DocumentReference"} and not closed:
        raise FhirRefusedError(400, Issue("invalid", "date must be a closed range: one ge and one lt value"))
