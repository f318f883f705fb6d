"""The vendors' registration forms as data: their field names, and why each permission is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

Row = tuple[str, str, str]
"""Name of the field, what to enter, why."""

WHY: Mapping[str, str] = {
    "launch": "opens the panel for the patient of the chart in front of the user",
    "openid": "says who is signed in, for the access log",
    "fhirUser": "names the signed-in user's record, for roles and the access log",
    "online_access": "keeps the panel readable as long as the user is signed in to the EHR",
    "Patient": "name and birth date in the banner, so that nobody reads the wrong chart",
    "MedicationRequest": "opioid orders: the daily dose and the length of therapy are worked out from them",
    "Medication": "the drug behind an order that only points to it",
    "MedicationDispense": "fills: whether an order was dispensed, how much and when",
    "Observation": "urine drug screens, questionnaire scores and documented MME",
    "Condition": "pain and opioid-use diagnoses, cancer, sickle-cell disease and palliative care",
    "Encounter": "last and next visit, hospice stays",
    "Appointment": "the next planned visit",
    "Procedure": "monitoring that was recorded as done, such as a PDMP review",
    "ServiceRequest": "ordered urine drug screens and referrals",
    "QuestionnaireResponse": "pain, function and risk questionnaires that patients filled in",
    "DiagnosticReport": "urine drug screen reports where single results are missing",
    "DocumentReference": "the presence and date of a signed treatment agreement",
}

APIS: Mapping[str, tuple[str, ...]] = {
    "Patient": ("Patient.Read (Demographics)",),
    "MedicationRequest": (
        "MedicationRequest.Read (Signed Medication Order)",
        "MedicationRequest.Search (Signed Medication Order)",
    ),
    "Medication": ("Medication.Read",),
    "MedicationDispense": ("MedicationDispense.Search (Fill Status)",),
    "Observation": (
        "Observation.Search (Labs)",
        "Observation.Search (Social History)",
        "Observation.Search (Assessments)",
        "Observation.Search (SDOH Assessments)",
        "Observation.Search (Functional and Mental Status)",
    ),
    "Condition": (
        "Condition.Search (Problems)",
        "Condition.Search (Encounter Diagnosis)",
    ),
    "Encounter": ("Encounter.Read", "Encounter.Search"),
    "Appointment": ("Appointment.Search",),
    "Procedure": ("Procedure.Search (Orders)", "Procedure.Search (Surgeries)"),
    "ServiceRequest": ("ServiceRequest.Search (Orders)",),
    "QuestionnaireResponse": ("QuestionnaireResponse.Search (Patient-Entered Questionnaires)",),
    "DiagnosticReport": ("DiagnosticReport.Search (Results)",),
    "DocumentReference": ("DocumentReference.Search (Clinical Notes)",),
}
_BACKEND_KEYS = "the same key set as the panel's; ask for a client id of its own"


@dataclass(frozen=True, slots=True)
class VendorForm:
    """One vendor's form.

    customer: what the EHR's own team must do.  lists_apis: permissions are ticked by the names of its APIs.
    """

    where: str
    panel: tuple[Row, ...]
    export: tuple[Row, ...]
    customer: tuple[str, ...]
    wait: str
    lists_apis: bool = False
    bulk_apis: tuple[str, ...] = ()


_EPIC = VendorForm(
    where="fhir.epic.com, Build Apps, Create; production is activated by each customer",
    panel=(
        ("Application Name", "LtOT Panel", ""),
        ("Application Audience", "Clinicians, Staff, or Administrative Users", "it opens inside the chart"),
        ("FHIR Version", "R4", ""),
        ("SMART Scope Version", "SMART v2", "registered here as --scope-style v2"),
        ("Is Confidential Client", "yes", "the service holds a private key"),
        ("Requires Persistent Access", "no", "nothing is read after the user has left"),
        ("Endpoint URI", "{callback}", "compared character for character"),
        ("Non-Production JWK Set URL", "{jwks}", "public keys only; read by Epic, so reachable from outside"),
        (
            "Production JWK Set URL",
            "the same path on the production panel's own address",
            "production and test may not share keys",
        ),
    ),
    export=(
        ("Application Audience", "Backend Systems", "no user is present"),
        ("FHIR Version", "R4", ""),
        ("SMART Scope Version", "SMART v2", ""),
        ("Non-Production JWK Set URL", "{jwks}", _BACKEND_KEYS),
    ),
    customer=(
        "Build the launch with the address {launch} as an embedded web page of the chart.",
        "Add {origin} to the allowed addresses of the embedded browser.",
        "Give the users of the panel the security class that may launch it.",
        "For exports: map the backend client id to an Epic user, create the patient group, send its id.",
        "Where outgoing addresses are filtered, allow {jwks}.",
    ),
    wait="new or changed APIs can take an hour on the sandbox, sometimes two days",
    lists_apis=True,
    bulk_apis=(
        "Bulk Data Kick-off",
        "Bulk Data Status Request",
        "Bulk Data File Request",
        "Bulk Data Delete Request",
    ),
)

_ORACLE = VendorForm(
    where="Oracle Health developer console; key sets and secrets in Cerner Central, System Account Management",
    panel=(
        ("Application Name", "LtOT Panel", ""),
        ("Application Type", "Provider", "a clinician is signed in"),
        ("Application Privacy", "Confidential", "the service holds a private key"),
        ("FHIR Spec Version", "R4", ""),
        ("SMART Version", "SMART v2", "an app of one version silently loses scopes written in the other"),
        ("Type of Access", "Online", "nothing is read after the user has left"),
        ("SMART Launch URI", "{launch}", ""),
        ("Redirect URI", "{callback}", "exact, including a slash at the end"),
        ("JWKS URL", "{jwks}", "where the class of account offers none: --auth client_secret_basic"),
    ),
    export=(
        ("Application Type", "System", "no user is present; a second registration"),
        ("FHIR Spec Version", "R4", ""),
        ("SMART Version", "SMART v2", ""),
        ("JWKS URL", "{jwks}", _BACKEND_KEYS),
        ("Millennium Bulk Data", "requested as a product of its own", "it is not part of the FHIR product"),
    ),
    customer=(
        "Enable the app for each domain; every client and domain has a FHIR address of its own.",
        "Configure the PowerChart component with the launch address {launch}.",
        "For exports: create the group of patients and send its id.",
    ),
    wait="about 15 minutes after a change in the console",
)

_GENERIC = VendorForm(
    where="the registration page or the team of the FHIR server",
    panel=(
        ("Application name", "LtOT Panel", ""),
        ("Client type", "confidential, private_key_jwt (RS384 or ES384)", "the service holds a private key"),
        ("Launch URL", "{launch}", "receives iss and launch"),
        ("Redirect URI", "{callback}", "compared character for character"),
        ("JWKS URL", "{jwks}", "public keys only; reachable without sign-in"),
        ("PKCE", "S256", "always used"),
        ("FHIR version", "R4", ""),
    ),
    export=(
        ("Client type", "backend service, private_key_jwt (RS384 or ES384)", "no user is present"),
        ("Grant type", "client_credentials", ""),
        ("JWKS URL", "{jwks}", _BACKEND_KEYS),
    ),
    customer=(
        "Link {launch} from the chart, embedded or in a window of its own.",
        "For exports: create the group of patients and send its id.",
    ),
    wait="until the server's team says that the client is active",
)

WORKSHEETS: Mapping[str, VendorForm] = {"epic": _EPIC, "oracle": _ORACLE, "generic": _GENERIC}
