"""CapabilityStatement and SMART configuration, as each flavour words them."""

from typing import Any

from app.sandbox.config import WRITE_TYPES, Resource, types_of
from app.sandbox.rules import CONTROL
from app.sandbox.search import known
from app.sandbox.site import Site

_CAPABILITIES = [
    "launch-ehr",
    "launch-standalone",
    "authorize-post",
    "client-public",
    "client-confidential-symmetric",
    "client-confidential-asymmetric",
    "sso-openid-connect",
    "context-banner",
    "context-style",
    "context-ehr-patient",
    "context-ehr-encounter",
    "context-standalone-patient",
    "permission-offline",
    "permission-online",
    "permission-patient",
    "permission-user",
    "permission-v1",
    "permission-v2",
]
_AUTH_METHODS = {
    "generic": ["client_secret_basic", "client_secret_post", "private_key_jwt"],
    "epic": ["client_secret_basic", "client_secret_post", "private_key_jwt"],
    "oracle": ["client_secret_basic", "private_key_jwt"],
}


def smart_configuration(site: Site) -> dict[str, Any]:
    """The document at `.well-known/smart-configuration`."""
    flavour = site.profile.flavour
    grants = ["authorization_code", "client_credentials"]
    if flavour != "oracle":
        grants.append("refresh_token")
    return {
        "issuer": site.issuer,
        "jwks_uri": f"{site.base_url}/jwks",
        "authorization_endpoint": site.authorize_url,
        "token_endpoint": site.token_url,
        "revocation_endpoint": f"{site.token_url}/revoke",
        "introspection_endpoint": f"{site.token_url}/introspect",
        "grant_types_supported": grants,
        "token_endpoint_auth_methods_supported": _AUTH_METHODS[flavour],
        "token_endpoint_auth_signing_alg_values_supported": list(site.profile.assertion_algs),
        "response_types_supported": ["code"],
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": True,
        "scopes_supported": [
            *("openid", "fhirUser", "profile", "launch", "launch/patient", "online_access", "offline_access"),
            *(f"{level}/{name}.rs" for level in ("patient", "user", "system") for name in types_of(flavour)),
        ],
        "capabilities": _CAPABILITIES,
    }


def capability_statement(site: Site) -> Resource:
    """The CapabilityStatement; vendor flavours identify themselves the way the vendors do."""
    flavour = site.profile.flavour
    statement: dict[str, Any] = {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": "2026-01-01",
        "kind": "instance",
        "fhirVersion": "4.0.1",
        "format": ["xml", "json"] if flavour == "epic" else ["json"],
        "implementation": {"description": "Sandbox EHR with synthetic data", "url": site.fhir_base},
        "rest": [{"mode": "server", "security": _security(site), "resource": _resources(site)}],
    }
    if flavour == "epic":
        statement["software"] = {"name": "Epic", "version": "Sandbox", "releaseDate": "2026-02-01"}
    elif flavour == "oracle":
        statement["publisher"] = "Oracle Health"
    else:
        statement["software"] = {"name": "Sandbox EHR", "version": "1"}
    return statement


def _security(site: Site) -> dict[str, Any]:
    urls = [("authorize", site.authorize_url), ("token", site.token_url)]
    return {
        "cors": True,
        "service": [
            {
                "coding": [
                    {
                        "system": "http://terminology.hl7.org/CodeSystem/restful-security-service",
                        "code": "SMART-on-FHIR",
                    }
                ]
            }
        ],
        "extension": [
            {
                "url": "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris",
                "extension": [{"url": name, "valueUri": url} for name, url in urls],
            }
        ],
    }


def _resources(site: Site) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = []
    for name in types_of(site.profile.flavour):
        writes = ["create", "update"] if name in WRITE_TYPES else []
        entry: dict[str, Any] = {
            "type": name,
            "interaction": [{"code": code} for code in ("read", "search-type", *writes)],
            "searchParam": [{"name": param, "type": "string"} for param in sorted(known(name) - CONTROL)],
        }
        if name == "MedicationRequest" and site.profile.flavour == "generic":
            entry["searchInclude"] = ["MedicationRequest:medication"]
        if site.profile.flavour == "epic":
            entry["searchInclude"] = ["*"]
        listed.append(entry)
    return listed
