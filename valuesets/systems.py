"""One name per code system: EHRs write the same system as URL, OID or with stray spaces."""

from __future__ import annotations

from functools import lru_cache

RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
NDC = "http://hl7.org/fhir/sid/ndc"
LOINC = "http://loinc.org"
SNOMED = "http://snomed.info/sct"
ICD10 = "http://hl7.org/fhir/sid/icd-10-cm"
HCPCS = "http://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets"

_ALIASES = {
    "urn:oid:2.16.840.1.113883.6.88": RXNORM,
    "urn:oid:2.16.840.1.113883.6.69": NDC,
    "urn:oid:2.16.840.1.113883.6.1": LOINC,
    # LOINC codes under this identifier were seen in Epic charts; it belongs to nobody else known.
    "urn:oid:1.2.246.537.6.96": LOINC,
    "urn:oid:2.16.840.1.113883.6.96": SNOMED,
    "urn:oid:2.16.840.1.113883.6.90": ICD10,
    "http://hl7.org/fhir/sid/icd-10": ICD10,
    "http://hl7.org/fhir/sid/icd-10-us": ICD10,
    "http://www.icd10data.com/icd10cm": ICD10,
    "http://terminology.hl7.org/codesystem/icd10cm": ICD10,
    "urn:oid:2.16.840.1.113883.6.285": HCPCS,
    **{known.lower(): known for known in (RXNORM, NDC, LOINC, SNOMED, ICD10, HCPCS)},
}


@lru_cache(maxsize=4096)
def canonical(system: str) -> str:
    """The system's own address; unknown systems come back without spaces and closing slash."""
    plain = "".join(system.split()).removesuffix("/")
    if plain[:1].isdigit():
        plain = f"urn:oid:{plain}"
    key = plain.lower().replace("https://", "http://", 1)
    if key.startswith(f"{SNOMED}/"):  # an edition or version of it
        key = SNOMED
    return _ALIASES.get(key, plain)


def canonical_code(system: str, code: str) -> tuple[str, str]:
    """System and code as the tables write them: ICD-10 in capitals and with its dot."""
    where, key = canonical(system), code.strip()
    if where == ICD10:
        key = key.upper()
        if len(key) > 3 and "." not in key:
            key = f"{key[:3]}.{key[3:]}"
    return where, key
