"""What a sandbox EHR is configured with: clients, users, and the habits of each vendor flavour."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Flavour = Literal["generic", "epic", "oracle"]
AuthMethod = Literal["private_key_jwt", "client_secret_basic", "client_secret_post", "public"]
Resource = dict[str, Any]

ORACLE_TENANT = "5a4db0c8-0000-4000-8000-0000000000e5"


@dataclass(frozen=True, slots=True)
class SandboxClient:
    """One registered app.

    `scopes=None` registers every scope the flavour knows. `backend` allows `client_credentials` and
    system scopes. `scope_style` is the SMART version the app record was made for; scopes written in the
    other style are dropped, as Oracle does.
    """

    client_id: str
    redirect_uris: tuple[str, ...] = ()
    auth: AuthMethod = "private_key_jwt"
    jwks_url: str | None = None
    jwks: Mapping[str, Any] | None = None
    secret: str | None = None
    scopes: tuple[str, ...] | None = None
    backend: bool = False
    scope_style: Literal["v1", "v2", "both"] = "both"


@dataclass(frozen=True, slots=True)
class SandboxUser:
    """A person signed in to the EHR; `key` is the value of `?user=`."""

    key: str
    given: str
    family: str
    role: str

    @property
    def name(self) -> str:
        """Display name as the EHR writes it."""
        return f"{self.given} {self.family}"


USERS = (
    SandboxUser("clinician", "Dr.", "Sandbox", "Primary care physician"),
    SandboxUser("ma", "Morgan", "Sandbox-Assistant", "Medical assistant"),
    SandboxUser("lead", "Lee", "Sandbox-Lead", "Population health lead"),
)


@dataclass(frozen=True, slots=True)
class Profile:
    """Vendor habits that differ between flavours (lifetimes in seconds, paths below the base URL)."""

    flavour: Flavour
    token_lifetime: int
    rotates_refresh: bool
    assertion_algs: tuple[str, ...]
    issuer_path: str
    authorize_path: str
    token_path: str
    page_parameter: str
    default_page: Mapping[str, int]
    max_page: Mapping[str, int]
    wildcard_scopes: bool

    def page_size(self, resource_type: str, asked: int | None) -> int:
        """Entries per page for a search of `resource_type` that asked for `asked` entries."""
        default = self.default_page.get(resource_type, self.default_page["*"])
        limit = self.max_page.get(resource_type, self.max_page["*"])
        return max(1, min(asked or default, limit))


_ORACLE_AUTH = f"/tenants/{ORACLE_TENANT}/protocols/oauth2/profiles/smart-v1"

PROFILES: Mapping[Flavour, Profile] = {
    "generic": Profile(
        flavour="generic",
        token_lifetime=900,
        rotates_refresh=True,
        assertion_algs=("RS384", "ES384"),
        issuer_path="/fhir",
        authorize_path="/auth/authorize",
        token_path="/auth/token",  # noqa: S106
        page_parameter="_page",
        default_page={"*": 50},
        max_page={"*": 500},
        wildcard_scopes=True,
    ),
    "epic": Profile(
        flavour="epic",
        token_lifetime=3600,
        rotates_refresh=False,
        assertion_algs=("RS256", "RS384", "RS512", "ES256", "ES384"),
        issuer_path="/oauth2",
        authorize_path="/oauth2/authorize",
        token_path="/oauth2/token",  # noqa: S106
        page_parameter="sessionID",
        default_page={"*": 1000},
        max_page={"*": 999},
        wildcard_scopes=False,
    ),
    "oracle": Profile(
        flavour="oracle",
        token_lifetime=570,
        rotates_refresh=False,
        assertion_algs=("RS384", "ES384"),
        issuer_path=f"/tenants/{ORACLE_TENANT}",
        authorize_path=f"{_ORACLE_AUTH}/personas/provider/authorize",
        token_path=f"{_ORACLE_AUTH}/token",
        page_parameter="-pageContext",
        default_page={"*": 25, "Observation": 50, "DocumentReference": 10, "Condition": 2000},
        max_page={"*": 100, "Observation": 200, "Condition": 2000},
        wildcard_scopes=False,
    ),
}

READ_TYPES = (
    "AllergyIntolerance",
    "Appointment",
    "Condition",
    "Consent",
    "DiagnosticReport",
    "DocumentReference",
    "Encounter",
    "Location",
    "Medication",
    "MedicationDispense",
    "MedicationRequest",
    "Observation",
    "Organization",
    "Patient",
    "Practitioner",
    "Procedure",
    "QuestionnaireResponse",
    "ServiceRequest",
)
WRITE_TYPES = ("DocumentReference", "Observation", "Procedure", "QuestionnaireResponse")


def types_of(flavour: Flavour) -> tuple[str, ...]:
    """Resource types a flavour serves; Oracle has no Medication resource."""
    if flavour == "oracle":
        return tuple(name for name in READ_TYPES if name != "Medication")
    return READ_TYPES
