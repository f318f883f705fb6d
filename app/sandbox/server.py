"""Builds a sandbox EHR as an ASGI application."""

import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path

from fastapi import FastAPI

from app.sandbox.bulk import BulkEndpoints
from app.sandbox.bulk_jobs import BulkOptions
from app.sandbox.chart import ChartPages, human_name
from app.sandbox.client_auth import ClientAuthenticator, FetchJwks, fetch_jwks
from app.sandbox.config import PROFILES, USERS, Flavour, Profile, Resource, SandboxClient
from app.sandbox.faults import Fault, FaultBook
from app.sandbox.fhir_routes import FhirEndpoints
from app.sandbox.grants import Grants
from app.sandbox.loader import load_folder
from app.sandbox.oauth_routes import OAuthEndpoints
from app.sandbox.paging import Pager
from app.sandbox.patients import practitioners, storm_faults, synthetic_patients
from app.sandbox.records import Records
from app.sandbox.site import PatientCard, Site


def create_sandbox(
    *,
    base_url: str,
    clients: Sequence[SandboxClient],
    panel_launch_url: str,
    flavour: Flavour = "generic",
    data: Path | None = None,
    faults: Iterable[Fault] = (),
    token_lifetime: int | None = None,
    clock: Callable[[], float] = time.time,
    as_of: date | None = None,
    fetch: FetchJwks = fetch_jwks,
    withheld: Collection[str] = (),
    page_size: int | None = None,
    population_launch_url: str | None = None,
    fhir_path: str = "/fhir",
    bulk: BulkOptions = BulkOptions(),  # noqa: B008 - frozen, no state
) -> FastAPI:
    """A sandbox EHR at `base_url`, its FHIR base at `base_url + fhir_path`.

    `data` serves a folder instead of the synthetic patients. `clock` gives epoch seconds; chart dates are
    relative to `as_of` (default: the clock's UTC date). `token_lifetime` is in seconds. `withheld` names what
    the site has switched off: resource types, or `Observation.<category>` on the epic flavour. `page_size`
    caps pages whose search has no `_count`. `fetch` reads a client's JWKS URL. `bulk` sets how exports run.
    The running Site is at `app.state.site`. Raises ValueError for a data folder that does not exist.
    """
    profile = PROFILES[flavour]
    day = as_of or datetime.fromtimestamp(clock(), UTC).date()
    registered = {client.client_id: client for client in clients}
    resources, cards, problems, storms = _content(flavour, data, day)
    base = base_url.rstrip("/")
    grants = Grants(clock, token_lifetime or profile.token_lifetime, rotates_refresh=profile.rotates_refresh)
    site = Site(
        base_url=base,
        fhir_path=fhir_path,
        profile=profile,
        clients=registered,
        users={user.key: user for user in USERS},
        clock=clock,
        grants=grants,
        authenticator=_authenticator(profile, base, registered, clock, fetch),
        records=Records(resources),
        faults=FaultBook([*faults, *storms]),
        cards=tuple(cards),
        panel_launch_url=panel_launch_url,
        population_launch_url=population_launch_url,
        withheld=frozenset(withheld),
        page_size=page_size,
        data_problems=tuple(problems),
    )
    return _application(site, bulk)


def _application(site: Site, bulk: BulkOptions) -> FastAPI:
    app = FastAPI(title="Sandbox EHR", docs_url=None, redoc_url=None, openapi_url=None)
    app.state.site = site
    # Export routes come before the FHIR ones, whose `Type/id` pattern would take them.
    for endpoints in (
        OAuthEndpoints(site),
        ChartPages(site),
        BulkEndpoints(site, bulk),
        FhirEndpoints(site, Pager(site)),
    ):
        app.router.routes.extend(endpoints.routes())
    return app


def _authenticator(
    profile: Profile,
    base_url: str,
    clients: Mapping[str, SandboxClient],
    clock: Callable[[], float],
    fetch: FetchJwks,
) -> ClientAuthenticator:
    return ClientAuthenticator(
        clients,
        audience=base_url + profile.token_path,
        algorithms=profile.assertion_algs,
        clock=clock,
        fetch=fetch,
    )


def _content(
    flavour: Flavour, data: Path | None, day: date
) -> tuple[list[Resource], list[PatientCard], list[dict[str, str]], list[Fault]]:
    if data is None:
        resources, cards = synthetic_patients(flavour, day)
        return resources, cards, [], storm_faults(flavour)
    if not data.is_dir():
        raise ValueError("the data folder does not exist; give the path of a folder of FHIR files")
    loaded, problems = load_folder(data)
    people = {item["id"]: item for item in loaded if item["resourceType"] == "Patient"}
    cards = [PatientCard(key, human_name(item), "From the data folder") for key, item in people.items()]
    return [*practitioners(flavour), *loaded], cards, problems, []
