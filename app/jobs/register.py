"""The worksheet an integration engineer copies into a vendor's registration form.

Field names are those of the vendor's form; every permission says what the panel needs it for.
Source: the vendors' registration documentation, 2024 to 2026; see docs/registration.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from urllib.parse import urlsplit

from app.ehr.vendors import panel_scopes, read_kinds, system_scopes, vendor_profile
from app.errors import LtotError
from app.jobs.register_fields import APIS, WHY, WORKSHEETS, VendorForm
from smart_launch.scopes import ScopeStyle, parse_scope


@dataclass(frozen=True, slots=True)
class Field:
    """One field of the form, what to enter, and why."""

    name: str
    value: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class Permission:
    """One scope or API to ask for, and what the panel reads with it."""

    name: str
    why: str


@dataclass(frozen=True, slots=True)
class AppRecord:
    """One registration: the panel in the chart, or the population export without a user."""

    role: str
    fields: tuple[Field, ...]
    permissions: tuple[Permission, ...]


@dataclass(frozen=True, slots=True)
class Worksheet:
    """Everything to enter, in the order of the form, and what follows."""

    vendor: str
    where: str
    records: tuple[AppRecord, ...]
    customer: tuple[str, ...]
    wait: str
    afterwards: tuple[str, ...]


def worksheet(vendor: str, base_url: str, tenant_id: str | None = None) -> Worksheet:
    """The worksheet for one vendor.

    base_url: the panel's public address.  tenant_id: the id the tenant will have here; it is part of the
    key set's address.  Raises LT-601 for another vendor or an address that cannot be registered.
    """
    form = WORKSHEETS.get(vendor)
    if form is None:
        raise LtotError("LT-601", f"vendor: write one of {', '.join(sorted(WORKSHEETS))}.")
    base, tenant = _public(base_url), tenant_id or vendor
    addresses = {
        "launch": f"{base}/launch",
        "callback": f"{base}/callback",
        "jwks": f"{base}/jwks/{tenant}",
        "origin": base,
    }
    return Worksheet(
        vendor,
        form.where,
        (_panel_record(vendor, form, addresses), _export_record(vendor, form, addresses)),
        tuple(line.format(**addresses) for line in form.customer),
        form.wait,
        tuple(_afterwards(vendor, tenant)),
    )


def _public(base_url: str) -> str:
    parts = urlsplit(base_url)
    if parts.scheme != "https" or not parts.hostname or parts.query or parts.fragment or parts.username:
        raise LtotError("LT-601", "url: write the panel's public https address, as https://ltot.example.org.")
    return base_url.rstrip("/")


def _panel_record(vendor: str, form: VendorForm, addresses: dict[str, str]) -> AppRecord:
    scopes = tuple(dict.fromkeys(("launch", *panel_scopes(vendor_profile(vendor), ScopeStyle.V2))))
    return AppRecord(
        "panel in the chart", _fields(form.panel, addresses), (*_explained(scopes), *_apis(vendor, form))
    )


def _export_record(vendor: str, form: VendorForm, addresses: dict[str, str]) -> AppRecord:
    scopes = system_scopes(vendor_profile(vendor), ScopeStyle.V2)
    bulk = tuple(Permission(name, "starts, watches, reads and ends the export") for name in form.bulk_apis)
    return AppRecord(
        "population export",
        _fields(form.export, addresses),
        (*_explained(scopes), *_apis(vendor, form), *bulk),
    )


def _explained(scopes: Iterable[str]) -> tuple[Permission, ...]:
    return tuple(
        Permission(scope, WHY[data.resource if (data := parse_scope(scope)) else scope]) for scope in scopes
    )


def _fields(rows: Iterable[tuple[str, str, str]], addresses: dict[str, str]) -> tuple[Field, ...]:
    return tuple(Field(name, value.format(**addresses), why) for name, value, why in rows)


def _apis(vendor: str, form: VendorForm) -> tuple[Permission, ...]:
    if not form.lists_apis:
        return ()
    kinds = read_kinds(vendor_profile(vendor))
    return tuple(Permission(api, WHY[kind]) for kind in kinds for api in APIS[kind])


def _afterwards(vendor: str, tenant: str) -> Iterable[str]:
    yield (
        f"ltot tenant add --id {tenant} --name 'Example Clinic' --issuer 'FHIR ADDRESS' --client-id 'CLIENT ID' "
        f"--auth private_key_jwt --vendor {vendor} --frame-ancestor 'https://EHR ORIGIN'"
    )
    yield f"ltot keys new {tenant}"
    yield f"ltot doctor {tenant}"


def as_json(sheet: Worksheet) -> dict[str, object]:
    """The worksheet as one JSON object."""
    return asdict(sheet)


def as_text(sheet: Worksheet) -> Iterable[str]:
    """The worksheet as lines to read and copy from."""
    yield f"Where: {sheet.where}"
    for record in sheet.records:
        yield ""
        yield f"== Registration: {record.role} =="
        for field in record.fields:
            yield f"{field.name}: {field.value}"
            if field.why:
                yield f"    ({field.why})"
        yield "Permissions:"
        width = max(len(permission.name) for permission in record.permissions)
        for permission in record.permissions:
            yield f"  {permission.name:{width}}  {permission.why}"
    yield ""
    yield "== What the EHR's own team does =="
    yield from (f"- {line}" for line in sheet.customer)
    yield f"- Wait: {sheet.wait}."
    yield ""
    yield "== Then, on the panel's machine =="
    yield from sheet.afterwards
