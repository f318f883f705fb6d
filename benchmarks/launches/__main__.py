"""Two hospitals and two services are started, and the figures of the run printed."""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from app.jobs.demo import free_port
from benchmarks import launches
from benchmarks.launches.charts import write_charts
from benchmarks.launches.load import AT_ONCE, launched
from benchmarks.launches.tally import TRACE, report
from tests.postgres_cluster import running_cluster
from tests.two_services import CLIENT_ID, Hospital, answering, ports, running, two_services

# Servers, database and browsers share one machine here, which is slower than the network of a hospital.
PANEL_BUDGET = "20"
# As in the image.
ALLOCATOR = {"MALLOC_ARENA_MAX": "1", "MALLOC_TRIM_THRESHOLD_": "131072"}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.launches", description=launches.__doc__)
    parser.add_argument("--launches", type=int, default=10_000)
    chosen = parser.parse_args()
    listen = ports()
    hospitals = (Hospital("north", "epic", free_port()), Hospital("south", "oracle", free_port()))
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ltot-load-")))
        log = folder / "servers.log"
        for hospital in hospitals:
            write_charts(folder / hospital.tenant, hospital.tenant)
            command = _sandbox(hospital, folder / hospital.tenant, listen[0])
            process = stack.enter_context(running(command, log, {}))
            answering(process, f"{hospital.ehr}/patients.json")
        cluster = stack.enter_context(running_cluster())
        services = stack.enter_context(
            two_services(cluster, listen, hospitals, log, LTOT_PANEL_BUDGET=PANEL_BUDGET, **ALLOCATOR)
        )
        began = time.monotonic()
        tally = asyncio.run(launched(services, hospitals, chosen.launches))
        report(tally, time.monotonic() - began, AT_ONCE)
        if TRACE.search(log.read_text(errors="replace")):
            print(log.read_text(errors="replace")[-4000:], file=sys.stderr)
            sys.exit(1)
    sys.exit(1 if tally.failed else 0)


def _sandbox(hospital: Hospital, charts: Path, panel_port: int) -> list[str]:
    panel = f"http://127.0.0.1:{panel_port}"
    return [
        sys.executable, "-m", "app.sandbox", "--port", str(hospital.port), "--flavour", hospital.flavour,
        "--data", str(charts), "--panel", f"{panel}/launch", "--client-id", CLIENT_ID,
        "--redirect-uri", f"{panel}/callback", "--jwks-url", f"{panel}/jwks/{hospital.tenant}",
    ]  # fmt: skip


if __name__ == "__main__":
    main()
