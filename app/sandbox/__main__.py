"""`python -m app.sandbox`: runs a sandbox EHR on this machine."""

import argparse
import sys
from pathlib import Path

import uvicorn

from app.sandbox.config import PROFILES, SandboxClient
from app.sandbox.server import create_sandbox


def main(arguments: list[str] | None = None) -> int:
    """Parse the command line and serve on 127.0.0.1 until stopped; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m app.sandbox", description=__doc__)
    parser.add_argument("--port", type=int, default=9001)
    parser.add_argument("--host", default="localhost", help="host name written into addresses")
    parser.add_argument("--flavour", choices=sorted(PROFILES), default="generic")
    parser.add_argument(
        "--data", type=Path, help="folder of FHIR files to serve instead of the synthetic patients"
    )
    parser.add_argument("--panel", default="http://127.0.0.1:8000/launch", help="launch address of the panel")
    parser.add_argument("--population", help="launch address of the population view")
    parser.add_argument("--client-id", default="ltot-panel")
    parser.add_argument("--redirect-uri", action="append", default=[])
    parser.add_argument("--jwks-url", help="key set of the client; without it the client is public")
    parser.add_argument("--backend-client-id", default="ltot-backend")
    chosen = parser.parse_args(arguments)
    launcher = SandboxClient(
        chosen.client_id,
        tuple(chosen.redirect_uri),
        auth="private_key_jwt" if chosen.jwks_url else "public",
        jwks_url=chosen.jwks_url,
    )
    clients = [launcher]
    if chosen.jwks_url:
        clients.append(SandboxClient(chosen.backend_client_id, jwks_url=chosen.jwks_url, backend=True))
    try:
        app = create_sandbox(
            base_url=f"http://{chosen.host}:{chosen.port}",
            clients=clients,
            flavour=chosen.flavour,
            data=chosen.data,
            panel_launch_url=chosen.panel,
            population_launch_url=chosen.population,
        )
    except ValueError as error:
        parser.error(str(error))
    uvicorn.run(app, host="127.0.0.1", port=chosen.port, log_level="warning")
    return 0


if __name__ == "__main__":
    sys.exit(main())
