"""A private PostgreSQL for tests: its own folder, port and passwords, on the loopback address, gone
afterwards.

Use it from a conftest: ``from tests.postgres_cluster import postgres_cluster``. Each xdist worker starts its
own.
"""

import os
import pwd
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from app.jobs.demo import free_port

ADMIN = "ltot_admin"
SERVICE = "ltot_service"


@dataclass(frozen=True, slots=True)
class PostgresCluster:
    """A running cluster with a superuser, and a plain role such as the service would use."""

    port: int
    admin_password: str
    service_password: str

    def create_database(self) -> str:
        """A new, empty database owned by the superuser; returns its name."""
        name = f"ltot_{secrets.token_hex(6)}"
        with psycopg.connect(self.admin_url("postgres"), autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return name

    def drop_database(self, name: str) -> None:
        """Remove a database and whatever is still connected to it."""
        with psycopg.connect(self.admin_url("postgres"), autocommit=True) as connection:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))

    def admin_url(self, database: str) -> str:
        """Address for the owner of the tables."""
        return f"postgresql://{ADMIN}:{self.admin_password}@127.0.0.1:{self.port}/{database}"

    def service_url(self, database: str) -> str:
        """Address for the plain role, which is subject to row-level security."""
        return f"postgresql://{SERVICE}:{self.service_password}@127.0.0.1:{self.port}/{database}"


@contextmanager
def running_cluster() -> Iterator[PostgresCluster]:
    """Start a cluster, stop it at the end whatever happens in between."""
    programs = binaries()
    user = _unprivileged_user()
    folder = Path(tempfile.mkdtemp(prefix="ltot-pg-"))
    cluster = PostgresCluster(free_port(), secrets.token_hex(12), secrets.token_hex(12))
    try:
        (folder / "password").write_text(cluster.admin_password)
        if user is not None:
            shutil.chown(folder, user.pw_uid, user.pw_gid)
            shutil.chown(folder / "password", user.pw_uid, user.pw_gid)
        data = folder / "data"
        initdb = [programs / "initdb", "-D", data, "-U", ADMIN, "--pwfile", folder / "password"]
        _run([*initdb, "-A", "scram-sha-256", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"], folder, user)
        options = (
            f"-p {cluster.port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off -c max_connections=60"
        )
        control = [programs / "pg_ctl", "-D", data, "-w", "-t", "60"]
        _run([*control, "-l", folder / "log", "-o", options, "start"], folder, user)
        try:
            _create_service_role(cluster)
            yield cluster
        finally:
            _run([*control, "-m", "immediate", "stop"], folder, user)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_cluster() -> Iterator[PostgresCluster]:
    """One cluster for all tests of this process."""
    with running_cluster() as cluster:
        yield cluster


def binaries() -> Path:
    """The folder of PostgreSQL's own programs."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda p: int(p.parts[-3]))
    if found:
        return found[-1].parent
    on_path = shutil.which("initdb")
    if on_path is None:
        pytest.fail("PostgreSQL is not installed, so the store cannot be tested; `make test` installs it.")
    return Path(on_path).parent


def _unprivileged_user() -> pwd.struct_passwd | None:
    """PostgreSQL refuses to run as root; None when this process is not root."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name: entry for entry in pwd.getpwall()}
    return names.get("postgres") or names["nobody"]


def _run(command: list[str | Path], folder: Path, user: pwd.struct_passwd | None) -> None:
    with (folder / f"{Path(command[0]).name}.out").open("ab") as output:
        done = subprocess.run(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
            user=user.pw_uid if user else None,
            group=user.pw_gid if user else None,
            extra_groups=[] if user else None,
        )
    if done.returncode:
        said = "\n".join(path.read_text(errors="replace") for path in folder.glob("*.out"))
        pytest.fail(f"PostgreSQL could not be started or stopped for the tests:\n{said}")


def _create_service_role(cluster: PostgresCluster) -> None:
    with psycopg.connect(cluster.admin_url("postgres"), autocommit=True) as connection:
        connection.execute(
            sql.SQL("CREATE ROLE {} LOGIN NOSUPERUSER NOBYPASSRLS PASSWORD {}").format(
                sql.Identifier(SERVICE), sql.Literal(cluster.service_password)
            )
        )
