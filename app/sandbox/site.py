"""One running sandbox EHR: its addresses, its memory and its rules, shared by all endpoints."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

from joserfc.jwk import RSAKey

from app.sandbox.client_auth import ClientAuthenticator
from app.sandbox.config import Profile, SandboxClient, SandboxUser
from app.sandbox.faults import FaultBook
from app.sandbox.grants import Context, Grants
from app.sandbox.records import Records


@dataclass(frozen=True, slots=True)
class PatientCard:
    """One line of the patient picker."""

    id: str
    name: str
    shows: str


@dataclass(frozen=True, slots=True)
class Site:
    """Everything the endpoints of one sandbox share. `clock` gives epoch seconds."""

    base_url: str
    fhir_path: str
    profile: Profile
    clients: Mapping[str, SandboxClient]
    users: Mapping[str, SandboxUser]
    clock: Callable[[], float]
    grants: Grants
    authenticator: ClientAuthenticator
    records: Records
    faults: FaultBook
    cards: tuple[PatientCard, ...]
    panel_launch_url: str
    population_launch_url: str | None = None
    withheld: Collection[str] = ()
    page_size: int | None = None
    data_problems: tuple[dict[str, str], ...] = ()
    signing_key: RSAKey = field(
        default_factory=lambda: RSAKey.generate_key(2048, {"use": "sig", "alg": "RS256"}, auto_kid=True)
    )

    @property
    def fhir_base(self) -> str:
        """The FHIR base URL, which is also the `iss` of a launch and the only accepted `aud`."""
        return self.base_url + self.fhir_path

    @property
    def issuer(self) -> str:
        """The OpenID issuer; on the vendor flavours it is not the FHIR base."""
        if self.profile.flavour == "generic":
            return self.fhir_base
        return self.base_url + self.profile.issuer_path

    @property
    def authorize_url(self) -> str:
        """Authorization endpoint."""
        return self.base_url + self.profile.authorize_path

    @property
    def token_url(self) -> str:
        """Token endpoint, the required `aud` of client assertions."""
        return self.base_url + self.profile.token_path

    def new_launch(self, patient: str | None, user: str = "clinician") -> str:
        """A launch value for one chart (or none, for a population launch) opened by one user."""
        encounter = self.records.open_encounter(patient) if patient else None
        return self.grants.new_launch(Context(user, patient, encounter))
