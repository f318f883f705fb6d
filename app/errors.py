"""The error catalogue: one code, one sentence, one next step, shared by pages, CLI and documentation.

    LT-1xx launch    LT-2xx EHR    LT-3xx mapping    LT-4xx session    LT-5xx files, exports, runs
    LT-6xx set-up     LT-900 anything else

Texts never hold data of a patient, a token or an address with parameters.
"""

from __future__ import annotations

from dataclasses import dataclass

from smart_launch.errors import IdTokenError, Reason, SmartError


@dataclass(frozen=True, slots=True)
class CatalogueEntry:
    """What an operator and a clinician read about one kind of failure."""

    code: str
    sentence: str
    next_step: str
    http_status: int = 400
    exit_code: int = 1


class LtotError(Exception):
    """A failure with a code from the catalogue.  `detail` adds what only this case knows, without patient data."""

    def __init__(self, code: str, detail: str = "") -> None:
        self.entry = CATALOGUE[code]
        self.detail = detail
        super().__init__(f"{code}: {self.entry.sentence}" + (f" {detail}" if detail else ""))


_ENTRIES = (
    CatalogueEntry("LT-101", "This EHR is not registered with the panel.",
                   "Register its FHIR address with `ltot tenant add`, written exactly as the EHR sends it.", 403),
    CatalogueEntry("LT-102", "The EHR's SMART configuration could not be read.",
                   "Run `ltot doctor` for this tenant; check the address, the network and TLS.", 502),
    CatalogueEntry("LT-103", "The EHR's SMART configuration names an address that is not allowed.",
                   "Add the host to the tenant's allowed hosts, or ask the EHR team to correct it.", 502),
    CatalogueEntry("LT-104", "The launch could not be matched to this browser.",
                   "Open the panel again from the chart. If it happens every time, the browser blocks the "
                   "panel's cookies: open it in a window of its own.", 400),
    CatalogueEntry("LT-105", "This launch was already used or has expired.",
                   "Open the panel again from the chart.", 400),
    CatalogueEntry("LT-106", "The EHR refused the launch.",
                   "Check with the EHR team that this user may open the app and that its scopes are approved.", 403),
    CatalogueEntry("LT-107", "The EHR did not exchange the authorization code.",
                   "Run `ltot doctor`: the redirect address, client id and key set must equal the registration.", 502),
    CatalogueEntry("LT-108", "The EHR's statement of who is signed in could not be verified.",
                   "Run `ltot doctor`: check the EHR's key set, this client id and both clocks.", 502),
    CatalogueEntry("LT-109", "The EHR named no patient for this launch.",
                   "Open the panel from inside a patient's chart; ask for the `launch` scope in the registration.", 400),
    CatalogueEntry("LT-110", "The answer came from another issuer than the one asked.",
                   "Open the panel again. If it repeats, tell the security team: this can be an attack.", 400),
    CatalogueEntry("LT-111", "Too many launches from this address.",
                   "Wait a minute and open the panel again.", 429),
    CatalogueEntry("LT-112", "The EHR granted too few permissions to read the chart.",
                   "Ask the EHR team to approve Patient and MedicationRequest for this app.", 403),
    CatalogueEntry("LT-113", "The launch request is malformed.",
                   "Open the panel from the chart; an address typed or shortened by hand does not work.", 400),
    CatalogueEntry("LT-120", "This page belongs to another patient's chart.",
                   "Close it and open the panel again from the chart in front of you.", 403),
    CatalogueEntry("LT-201", "The EHR did not give the patient's record.",
                   "Try again. If it repeats, the EHR's FHIR service is slow or down.", 504),
    CatalogueEntry("LT-202", "The EHR refused to return the patient.",
                   "The record may be restricted for this user, or the Patient permission is missing.", 403),
    CatalogueEntry("LT-203", "The EHR no longer accepts this launch.",
                   "Open the panel again from the chart.", 401),
    CatalogueEntry("LT-301", "A resource could not be understood and was set aside.",
                   "It is listed with the reason; the other resources were used.", 200, 0),
    CatalogueEntry("LT-401", "The session is over.",
                   "Open the panel again from the chart.", 401),
    CatalogueEntry("LT-402", "This address does not belong to this browser's launch.",
                   "Open the panel from the chart; its address cannot be shared.", 403),
    CatalogueEntry("LT-403", "The request did not come from the panel itself.",
                   "Open the panel again from the chart.", 403),
    CatalogueEntry("LT-404", "There is no such page.", "Open the panel from the chart.", 404),
    CatalogueEntry("LT-405", "This role may not open the population pages.",
                   "Ask the operator to give the population role to this user.", 403),
    CatalogueEntry("LT-411", "The entry does not fit, so nothing was recorded.",
                   "Correct what is named and record it again.", 422),
    CatalogueEntry("LT-412", "This role may not record that, so nothing was recorded.",
                   "Ask the operator to give the role clinician or recorder to this user.", 403),
    CatalogueEntry("LT-413", "There is no such entry for this patient.",
                   "Read the panel again; the entry may have been taken back.", 404),
    CatalogueEntry("LT-414", "The EHR did not take the entry; it is kept in the panel.",
                   "Try again from the list of entries, or enter it in the EHR.", 502),
    CatalogueEntry("LT-415", "The EHR did not say whether it took the entry; it is kept in the panel.",
                   "Look for it in the EHR before trying again from the list of entries.", 504),
    CatalogueEntry("LT-501", "The path does not exist.", "Check the spelling of the path.", 400, 2),
    CatalogueEntry("LT-502", "The file is not JSON.",
                   "Give a FHIR Bundle (.json), or NDJSON files named .ndjson or .ndjson.gz.", 400, 2),
    CatalogueEntry("LT-503", "The file is not a FHIR Bundle of a patient's resources.",
                   "Give a Bundle of type collection, searchset, batch or transaction.", 400, 2),
    CatalogueEntry("LT-504", "The folder holds no Bundle and no NDJSON file.",
                   "Give a folder with .json Bundles, or one laid out as a Bulk Data export.", 400, 2),
    CatalogueEntry("LT-505", "No such patient in the given files.", "Check the patient id.", 400, 2),
    CatalogueEntry("LT-506", "The export is not complete.",
                   "Run `ltot export resume`; what is missing is named above.", 400, 3),
    CatalogueEntry("LT-507", "The run cannot be loaded.",
                   "Give the folder written by `ltot population evaluate`.", 400, 2),
    CatalogueEntry("LT-508", "The engine needs an extra that is not installed.",
                   "Install the named extra and run the command again.", 400, 2),
    CatalogueEntry("LT-509", "The run could not be finished.",
                   "Free what is named and run the command again; earlier results in the folder are whole.", 500, 1),
    CatalogueEntry("LT-510", "The folder cannot be used for this export.",
                   "Start in a new folder, or give the folder and the tenant of the export you mean.", 400, 2),
    CatalogueEntry("LT-511", "Exports of two EHRs use the same ids for their patients or drugs, so they cannot be told "
                   "apart.", "Evaluate each EHR's exports apart: one folder and one run for each.", 400, 2),
    CatalogueEntry("LT-512", "There is no such run in the registry.",
                   "Load one by `ltot registry load`; without a named run the newest is taken.", 400, 2),
    CatalogueEntry("LT-601", "A setting does not fit.", "Change the named setting and start again.", 500, 2),
    CatalogueEntry("LT-602", "The database has not been migrated to this version.",
                   "Run `ltot migrate`, then start again.", 503, 2),
    CatalogueEntry("LT-603", "The terminology files are damaged.",
                   "Install the release again; `ltot valuesets check` names the file.", 500, 2),
    CatalogueEntry("LT-604", "The clinic policy does not fit.",
                   "Correct the named field; `ltot policy show` prints a policy that works.", 500, 2),
    CatalogueEntry("LT-605", "The database cannot be reached.",
                   "Check LTOT_DATABASE_URL and the database server; the EHR chart is not affected.", 503, 2),
    CatalogueEntry("LT-606", "The access log cannot be written, so no chart is shown.",
                   "Check the database; the EHR chart itself is not affected.", 503),
    CatalogueEntry("LT-607", "No such tenant.", "List the tenants with `ltot tenant list`.", 404, 2),
    CatalogueEntry("LT-608", "The tenant has no usable signing key.", "Make one with `ltot keys new`.", 500, 2),
    CatalogueEntry("LT-609", "A tenant with this id exists already.",
                   "Choose another id, or add --replace to change the existing one.", 409, 2),
    CatalogueEntry("LT-610", "The access log was changed after it was written.",
                   "Keep the database as it is and tell the security team; the lines above name the entries.", 500),
    CatalogueEntry("LT-900", "Something went wrong inside the panel.",
                   "Try again; if it repeats, report the code and the reference shown.", 500),
)  # fmt: skip
CATALOGUE = {entry.code: entry for entry in _ENTRIES}

_CODE_OF_REASON: dict[Reason, str] = {
    Reason.UNKNOWN_ISSUER: "LT-101",
    Reason.LAUNCH_REQUEST_INVALID: "LT-113",
    Reason.DISCOVERY_UNREACHABLE: "LT-102",
    Reason.DISCOVERY_INVALID: "LT-102",
    Reason.PKCE_UNSUPPORTED: "LT-102",
    Reason.ENDPOINT_NOT_ALLOWED: "LT-103",
    Reason.CALLBACK_INVALID: "LT-104",
    Reason.STATE_MISMATCH: "LT-104",
    Reason.CALLBACK_ISSUER_MISMATCH: "LT-110",
    Reason.AUTHORIZATION_DENIED: "LT-106",
    Reason.AUTHORIZATION_FAILED: "LT-106",
    Reason.SCOPE_REFUSED: "LT-112",
    Reason.GRANT_ENDED: "LT-203",
    Reason.PATIENT_MISSING: "LT-109",
    Reason.PATIENT_CHANGED: "LT-120",
    Reason.SIGNING_KEY_INVALID: "LT-608",
}


def from_smart(error: SmartError) -> LtotError:
    """The catalogue's error for one of the SMART library; id-token reasons share one code, token reasons another."""
    fallback = "LT-108" if isinstance(error, IdTokenError) else "LT-107"
    return LtotError(_CODE_OF_REASON.get(error.reason, fallback), error.safe_text)
