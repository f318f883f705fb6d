"""How each vendor's EHR wants to be asked: searches, page sizes, headers, scopes.  A table, no behaviour.

Sources: the vendors' CapabilityStatements and documentation as of 2026; a site may still differ, therefore a
refused first plan is followed by the next one and the result says what was not granted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from smart_launch.scopes import Compartment, ScopeStyle, read_scopes

PATIENT = "{patient}"
FROM = "{from}"
UNTIL = "{until}"
"""Placeholders of search parameters: the patient's id, and the window of booked visits as dates."""


@dataclass(frozen=True, slots=True)
class Search:
    """One search.  params: in order, values may be placeholders.  category: the part of the type it reaches."""

    kind: str
    params: tuple[tuple[str, str], ...] = (("patient", PATIENT),)
    category: str | None = None


Plan = tuple[Search, ...]
"""Searches which together bring everything of one type."""


@dataclass(frozen=True, slots=True)
class VendorProfile:
    """One vendor's habits.

    plans: by resource type, the plans in order of preference; the next one is used when the EHR refuses the
    first as incomplete.  page_size: `_count` by type ("*" for the rest); None sends no `_count`.
    medication_by_reference: orders may name their drug by a reference that has to be read.  concurrency:
    requests of one chart at the same time.
    """

    name: str
    plans: Mapping[str, tuple[Plan, ...]]
    page_size: Mapping[str, int | None]
    medication_by_reference: bool
    compartment: Compartment
    context_scopes: tuple[str, ...] = ("openid", "fhirUser")
    client_id_header: str | None = None
    concurrency: int = 16
    scope_style: ScopeStyle = ScopeStyle.V2

    @property
    def kinds(self) -> tuple[str, ...]:
        """The resource types of a chart pull, Patient first."""
        return ("Patient", *self.plans)

    def headers(self, client_id: str) -> dict[str, str]:
        """Headers this vendor wants on every request."""
        return {self.client_id_header: client_id} if self.client_id_header else {}

    def count(self, kind: str) -> int | None:
        """Resources to ask for per page; None leaves it to the EHR."""
        return self.page_size.get(kind, self.page_size["*"])


def _by_category(kind: str, *categories: str) -> Plan:
    return tuple(
        Search(kind, (("patient", PATIENT), ("category", category)), category) for category in categories
    )


def _with(kind: str, **params: str) -> Search:
    return Search(kind, (("patient", PATIENT), *params.items()))


_INTENTS = "order,plan,proposal,original-order,reflex-order,filler-order,instance-order,option,directive"
_OBSERVATIONS = _by_category("Observation", "laboratory", "social-history", "survey")
_SIMPLE = (
    "MedicationRequest", "MedicationDispense", "Observation", "Condition", "Encounter", "Appointment",
    "Procedure", "ServiceRequest", "DocumentReference", "DiagnosticReport", "QuestionnaireResponse",
)  # fmt: skip


def _plans(**changes: tuple[Plan, ...]) -> Mapping[str, tuple[Plan, ...]]:
    """The plain search by patient for every type, except the named ones."""
    return MappingProxyType({kind: changes.get(kind, ((Search(kind),),)) for kind in _SIMPLE})


_GENERIC_PLANS = _plans(
    MedicationRequest=((Search("MedicationRequest"),), (_with("MedicationRequest", intent=_INTENTS),)),
    # Some servers refuse observations without a category; then the ones we read are asked for by name.
    Observation=((Search("Observation"),), _OBSERVATIONS),
)
_WINDOW = (("patient", PATIENT), ("date", f"ge{FROM}"), ("date", f"lt{UNTIL}"))
_PROFILES = (
    VendorProfile(
        name="epic",
        plans=_plans(
            Observation=(
                _by_category(
                    "Observation",
                    "laboratory",
                    "social-history",
                    "survey",
                    "sdoh",
                    "functional-mental-status",
                ),
            ),
            Condition=(_by_category("Condition", "problem-list-item", "encounter-diagnosis"),),
        ),
        page_size=MappingProxyType({"*": 200}),
        medication_by_reference=True,
        compartment=Compartment.USER,
        client_id_header="Epic-Client-ID",
    ),
    VendorProfile(
        name="oracle",
        plans=_plans(Appointment=((Search("Appointment", _WINDOW),),)),
        page_size=MappingProxyType({"*": 100, "Observation": 200, "Condition": None, "Procedure": None}),
        medication_by_reference=False,
        compartment=Compartment.USER,
        context_scopes=("openid", "fhirUser", "online_access"),
    ),
    VendorProfile(
        name="generic",
        plans=_GENERIC_PLANS,
        page_size=MappingProxyType({"*": 100}),
        medication_by_reference=True,
        compartment=Compartment.PATIENT,
        context_scopes=("openid", "fhirUser", "online_access"),
    ),
    VendorProfile(
        name="athena",
        plans=_plans(MedicationRequest=((_with("MedicationRequest", intent="order,plan"),),)),
        page_size=MappingProxyType({"*": None}),
        medication_by_reference=True,
        compartment=Compartment.PATIENT,
        concurrency=3,
        scope_style=ScopeStyle.V1,
    ),
    VendorProfile(
        name="ecw",
        plans=_plans(Observation=(_OBSERVATIONS,)),
        page_size=MappingProxyType({"*": None}),
        medication_by_reference=True,
        compartment=Compartment.USER,
        concurrency=3,
    ),
    VendorProfile(
        name="meditech",
        plans=_GENERIC_PLANS,
        page_size=MappingProxyType({"*": None}),
        medication_by_reference=True,
        compartment=Compartment.USER,
    ),
)
VENDORS: Mapping[str, VendorProfile] = MappingProxyType({profile.name: profile for profile in _PROFILES})


def vendor_profile(name: str) -> VendorProfile:
    """The profile of a vendor; one we do not know is asked as any US Core server."""
    return VENDORS.get(name, VENDORS["generic"])


def read_kinds(profile: VendorProfile) -> tuple[str, ...]:
    """Resource types to ask read permission for: those of the pull, and the drugs orders refer to."""
    return (*profile.kinds, "Medication") if profile.medication_by_reference else profile.kinds


def panel_scopes(profile: VendorProfile, style: ScopeStyle) -> tuple[str, ...]:
    """The scopes of a panel launch in the registration's syntax, but for `launch` or `launch/patient`."""
    return (*profile.context_scopes, *read_scopes(read_kinds(profile), profile.compartment, style))


def write_scopes(kinds: Iterable[str], profile: VendorProfile, style: ScopeStyle) -> tuple[str, ...]:
    """The scopes to create resources of these types in a panel launch."""
    letter = "write" if style is ScopeStyle.V1 else "c"
    return tuple(f"{profile.compartment}/{kind}.{letter}" for kind in sorted(set(kinds)))


def system_scopes(profile: VendorProfile, style: ScopeStyle) -> tuple[str, ...]:
    """The scopes of the backend service, for exports and crawls."""
    return read_scopes(read_kinds(profile), Compartment.SYSTEM, style)
