"""`ltot serve`, `ltot demo` and `ltot migrate`."""

from __future__ import annotations

import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from app.errors import LtotError

KEEP_ALIVE_SECONDS = 75
"""Idle connections are kept longer than proxies and load balancers keep theirs (60 s by default in the common
ones): the side that sends closes first, so that no request goes into a connection that is just being closed."""


class EhrFlavour(StrEnum):
    """The sandbox EHR's habits."""

    GENERIC = "generic"
    EPIC = "epic"
    ORACLE = "oracle"


def serve(
    host: Annotated[str, typer.Option(help="the address to listen on")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="the port to listen on")] = 8080,
    workers: Annotated[int, typer.Option(help="processes; they share everything through the database")] = 1,
) -> None:
    """Serve the panel with the settings in the environment."""
    import uvicorn

    from app.main import from_environment

    from_environment()
    uvicorn.run(
        "app.main:from_environment",
        factory=True,
        host=host,
        port=port,
        workers=workers,
        access_log=False,
        log_level="warning",
        proxy_headers=True,
        server_header=False,
        timeout_graceful_shutdown=10,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
    )


def migrate(
    grant_to: Annotated[
        str | None, typer.Option(help="the PostgreSQL role the service runs with; run as the tables' owner")
    ] = None,
) -> None:
    """Bring the database to this version."""
    from app.settings import SettingsError, read_settings
    from app.store.db import create_store_engine
    from app.store.migrate import grant_service_role, upgrade

    try:
        settings = read_settings(os.environ)
    except SettingsError as error:
        raise LtotError("LT-601", str(error)) from None
    engine = create_store_engine(settings.database_url)
    try:
        upgrade(engine)
        if grant_to is not None:
            grant_service_role(engine, grant_to)
    finally:
        engine.dispose()
    print("The database is at this version.")


def demo(
    check: Annotated[
        bool, typer.Option("--check", help="launch every sandbox patient once, print a line each, exit")
    ] = False,
    flavour: Annotated[
        EhrFlavour, typer.Option(help="whose habits the sandbox EHR has")
    ] = EhrFlavour.GENERIC,
    data: Annotated[Path | None, typer.Option(help="a folder of Bundles or NDJSON to serve instead")] = None,
    ehr_port: Annotated[int, typer.Option(help="port of the sandbox EHR; 0: a free one")] = 0,
    panel_port: Annotated[int, typer.Option(help="port of the service; 0: a free one")] = 0,
) -> None:
    """Start the sandbox EHR and the service on this machine, registered with each other."""
    from app.jobs.demo import DemoAddresses, free_port, run_demo
    from app.jobs.demo_check import CheckFailedError, check_demo
    from app.main import create_app

    addresses = DemoAddresses(ehr_port or free_port(), panel_port or free_port())
    with run_demo(addresses, create_app, flavour=flavour.value, data=data) as running:
        if not check:
            print(f"Open {addresses.ehr}/ , choose a patient, and the panel opens inside the chart.")
            print(f"The clinic's list, once a run is loaded: {addresses.ehr}/population?user=lead")
            print("Stop with Ctrl-C.", flush=True)
            running.wait()
            return
        try:
            for line in check_demo(addresses):
                print(line, flush=True)
        except CheckFailedError as error:
            print(error, file=sys.stderr)
            raise typer.Exit(1) from None


def add_to(cli: typer.Typer) -> None:
    cli.command()(serve)
    cli.command()(demo)
    cli.command()(migrate)
