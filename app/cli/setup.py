"""`ltot register`, `ltot tenant`, `ltot keys`, `ltot doctor`, `ltot audit`: the first ten minutes."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from app.errors import LtotError
from smart_launch.scopes import ScopeStyle

tenant_cli = typer.Typer(help="The EHRs this panel is registered with.", no_args_is_help=True)
keys_cli = typer.Typer(help="The signing keys of a tenant, and the master keys.", no_args_is_help=True)
audit_cli = typer.Typer(help="The access log.", no_args_is_help=True)

TenantId = Annotated[str, typer.Argument(metavar="TENANT", help="the tenant's id")]
IdTokenIssuer = Annotated[
    str | None, typer.Option(help="where the id token's issuer differs from the discovered one")
]
FrameAncestors = Annotated[
    list[str] | None, typer.Option(help="an origin that may embed the panel; repeatable")
]
AllowedHosts = Annotated[
    list[str] | None, typer.Option(help="a further host of the EHR's endpoints; repeatable")
]
SecretVariable = Annotated[
    str | None, typer.Option(help="name of the environment variable that holds the client secret")
]
AsJson = Annotated[bool, typer.Option("--json", help="one JSON object instead of text")]


def register(
    vendor: Annotated[str, typer.Argument(metavar="epic|oracle|generic", help="whose form to fill in")],
    url: Annotated[str, typer.Option("--url", help="the panel's public https address")],
    tenant: Annotated[str | None, typer.Option(help="the id the tenant will have here")] = None,
    as_json: AsJson = False,
) -> None:
    """Print what to enter into the vendor's registration form, and why."""
    from app.jobs import register as job

    sheet = job.worksheet(vendor, url, tenant)
    if as_json:
        print(json.dumps(job.as_json(sheet), indent=2))
        return
    for line in job.as_text(sheet):
        print(line)


@tenant_cli.command("add")
def tenant_add(
    id_: Annotated[str, typer.Option("--id", help="lower-case letters, digits and hyphens")],
    name: Annotated[str, typer.Option(help="the organisation's name")],
    issuer: Annotated[str, typer.Option(help="the FHIR address, exactly as the EHR sends it")],
    client_id: Annotated[str, typer.Option(help="the client id of the launch registration")],
    auth: Annotated[
        str, typer.Option(help="private_key_jwt, client_secret_basic, client_secret_post or none")
    ] = "private_key_jwt",
    vendor: Annotated[
        str, typer.Option(help="whose EHR it is: epic, oracle, generic and others")
    ] = "generic",
    scope_style: Annotated[
        ScopeStyle, typer.Option(help="SMART version of the registration")
    ] = ScopeStyle.V2,
    backend_client_id: Annotated[str | None, typer.Option(help="the client id for exports")] = None,
    id_token_issuer: IdTokenIssuer = None,
    frame_ancestor: FrameAncestors = None,
    allowed_host: AllowedHosts = None,
    role: Annotated[
        list[str] | None, typer.Option(help="role=member, such as clinician or recorder; repeatable")
    ] = None,
    write_back: Annotated[
        bool, typer.Option("--write-back", help="write entries of visits to the EHR as well")
    ] = False,
    policy: Annotated[str, typer.Option(help="name or file of the clinic policy")] = "default",
    client_secret_file: Annotated[
        Path | None, typer.Option(help="a file that holds the client secret")
    ] = None,
    client_secret_variable: SecretVariable = None,
    replace: Annotated[bool, typer.Option("--replace", help="change the tenant of this id")] = False,
) -> None:
    """Register an EHR with the panel."""
    from app.jobs import tenants
    from app.jobs.write_back import OPTION
    from app.store.tenants import Tenant

    tenant = Tenant(
        id=id_,
        name=name,
        issuer=issuer,
        client_id=client_id,
        auth_method=tenants.read_auth(auth),
        policy_id=policy,
        vendor=vendor,
        scope_style=scope_style,
        client_secret=tenants.read_client_secret(client_secret_file, client_secret_variable, os.environ),
        backend_client_id=backend_client_id,
        id_token_issuer=id_token_issuer,
        allowed_hosts=tuple(allowed_host or ()),
        frame_ancestors=tuple(frame_ancestor or ()),
        roles=tenants.read_roles(role or ()),
        options={OPTION: write_back},
    )
    with tenants.SetUp.opened(os.environ) as set_up:
        tenants.add_tenant(set_up, tenant, datetime.now(UTC), may_replace=replace)
        needs_key = tenants.needs_key(set_up, tenant)
    print(f"Saved {id_}.")
    if needs_key:
        print(f"Next: ltot keys new {id_}")
    print(f"Then: ltot doctor {id_}")


@tenant_cli.command("list")
def tenant_list() -> None:
    """List tenants: id, vendor, FHIR address, name."""
    from app.jobs.tenants import SetUp

    with SetUp.opened(os.environ) as set_up:
        found = set_up.tenants.all()
    for tenant in found:
        off = "" if tenant.enabled else "  (off)"
        print(f"{tenant.id}  {tenant.vendor}  {tenant.issuer}  {tenant.name}{off}")


@tenant_cli.command("show")
def tenant_show(tenant: TenantId) -> None:
    """Print one tenant as JSON, without its secret."""
    from app.jobs.tenants import SetUp, describe_tenant

    with SetUp.opened(os.environ) as set_up:
        print(json.dumps(describe_tenant(set_up, set_up.tenants.get(tenant)), indent=2))


@keys_cli.command("new")
def keys_new(
    tenant: TenantId,
    algorithm: Annotated[str, typer.Option(help="RS384 or ES384")] = "RS384",
) -> None:
    """Make a signing key: the first signs at once, a later one is published until `ltot keys rotate`."""
    from app.jobs.tenants import SetUp, new_key

    with SetUp.opened(os.environ) as set_up:
        kid, state = new_key(set_up, tenant, algorithm, datetime.now(UTC))
    print(f"{kid}  {state}")
    print(f"Public keys: {set_up.jwks_url(tenant)}")


@keys_cli.command("rotate")
def keys_rotate(tenant: TenantId) -> None:
    """Sign with the next key from now on; the former one stays published until nothing needs it."""
    from app.jobs.tenants import SetUp, rotate_key

    with SetUp.opened(os.environ) as set_up:
        active, removed = rotate_key(set_up, tenant, datetime.now(UTC))
    print(f"{active}  active")
    for kid in removed:
        print(f"{kid}  removed")


@keys_cli.command("list")
def keys_list(tenant: TenantId) -> None:
    """List key ids and states, oldest first."""
    from app.jobs.tenants import SetUp, list_keys

    with SetUp.opened(os.environ) as set_up:
        found = list_keys(set_up, tenant)
    for kid, state in found:
        print(f"{kid}  {state}")


@keys_cli.command("master")
def keys_master() -> None:
    """List the master keys by id, and how much in the database needs each; 1 when one is not here."""
    from app.jobs.tenants import SetUp, master_keys

    with SetUp.opened(os.environ) as set_up:
        found = master_keys(set_up)
    for key_id, what, number in found:
        print(f"{key_id}  {what}  {number} values")
    if any(what == "NOT HERE" for _, what, _ in found):
        raise typer.Exit(1)


def doctor(
    tenant: TenantId,
    patient: Annotated[
        str | None, typer.Option(help="id of a test patient, for a test search per resource type")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check a tenant in stages; every line says what was checked, the result, and how to fix it."""
    from app.jobs.doctor import as_lines, examine_from_environment

    findings = examine_from_environment(os.environ, tenant, patient=patient)
    if as_json:
        print(json.dumps([finding.as_json() for finding in findings], indent=2))
    else:
        for line in as_lines(findings):
            print(line)
    if any(finding.failed for finding in findings):
        raise typer.Exit(1)


@audit_cli.command("verify")
def audit_verify(
    heads: Annotated[
        Path | None, typer.Option(help="heads noted earlier, one `tenant number:hash` per line")
    ] = None,
) -> None:
    """Check that no entry of the access log was changed, removed, reordered or cut off."""
    from app.jobs.tenants import SetUp, read_heads, verify_access_log

    intact = True
    with SetUp.opened(os.environ) as set_up:
        checked = list(verify_access_log(set_up, read_heads(heads)))
    for tenant, result in checked:
        print(f"{tenant} {result.head} {result.entries} entries, {'intact' if result.intact else 'DAMAGED'}")
        for finding in result.findings:
            print(f"  entry {finding.seq}: {finding.damage}")
        intact = intact and result.intact
    if not intact:
        raise LtotError("LT-610")


def add_to(cli: typer.Typer) -> None:
    cli.command()(register)
    cli.command()(doctor)
    cli.add_typer(tenant_cli, name="tenant")
    cli.add_typer(keys_cli, name="keys")
    cli.add_typer(audit_cli, name="audit")
