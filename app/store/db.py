"""Connections and transactions: SQLite for the demo, PostgreSQL in production.

Every transaction is either a tenant's (``Store.tenant``) or the system's (``Store.system``). In a tenant's
one, each ORM statement is restricted to the tenant, and PostgreSQL's row-level security repeats the
restriction. In the system's one, no tenant-owned row is visible at all.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, false, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.orm import ORMExecuteState, Session, UOWTransaction, with_loader_criteria
from sqlalchemy.pool import ConnectionPoolEntry

from app.store.crypto import KeyRing
from app.store.errors import StoreUnavailableError
from app.store.models import TenantOwned

CONNECT_SECONDS = 2
LOCK_SECONDS = 5
_UNAVAILABLE = (OperationalError, InterfaceError, PoolTimeoutError)


def create_store_engine(url: str) -> Engine:
    """An engine for ``sqlite:///file`` or ``postgresql://…``. Raises StoreUnavailableError for another URL.

    Values bound to statements never appear in its errors or logs.
    """
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise StoreUnavailableError("The database address cannot be read.") from None
    if parsed.get_backend_name() == "sqlite":
        engine = create_engine(
            parsed, hide_parameters=True, connect_args={"timeout": LOCK_SECONDS, "isolation_level": None}
        )
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    if parsed.get_backend_name() != "postgresql":
        raise StoreUnavailableError("The database must be SQLite or PostgreSQL.")
    return create_engine(
        parsed.set(drivername="postgresql+psycopg"),
        hide_parameters=True,
        pool_timeout=CONNECT_SECONDS,
        pool_pre_ping=True,
        connect_args={"connect_timeout": CONNECT_SECONDS, "options": f"-c lock_timeout={LOCK_SECONDS}s"},
    )


class TenantSession(Session):
    """A session bound to one tenant, or to none (``tenant_id`` None)."""

    def __init__(self, bind: Engine, tenant_id: str | None) -> None:
        super().__init__(bind, expire_on_commit=False)
        self.tenant_id = tenant_id


class Store:
    """The database together with the keys that open its sealed values."""

    def __init__(self, engine: Engine, ring: KeyRing) -> None:
        self.engine = engine
        self.ring = ring

    @contextmanager
    def tenant(self, tenant_id: str) -> Iterator[TenantSession]:
        """One transaction that sees and writes this tenant's rows only. Raises StoreUnavailableError."""
        with self._transaction(tenant_id) as session:
            set_local(session, "app.tenant", tenant_id)
            yield session

    @contextmanager
    def system(self) -> Iterator[TenantSession]:
        """One transaction on the tables no tenant owns."""
        with self._transaction(None) as session:
            yield session

    @contextmanager
    def _transaction(self, tenant_id: str | None) -> Iterator[TenantSession]:
        try:
            with TenantSession(self.engine, tenant_id) as session, session.begin():
                yield session
        except _UNAVAILABLE:
            raise StoreUnavailableError from None


def set_local(session: Session, name: str, value: str) -> None:
    """Tell PostgreSQL's row-level policies, for this transaction, who is asking; nothing to do on SQLite."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SELECT set_config(:name, :value, true)"), {"name": name, "value": value})


@event.listens_for(TenantSession, "do_orm_execute")
def _restrict_to_tenant(state: ORMExecuteState) -> None:
    session = state.session
    if not isinstance(session, TenantSession) or not state.is_orm_statement or state.is_column_load:
        return
    tenant_id = session.tenant_id
    criteria: Any = false() if tenant_id is None else lambda row: row.tenant_id == tenant_id
    state.statement = state.statement.options(
        with_loader_criteria(TenantOwned, criteria, include_aliases=True)
    )


@event.listens_for(TenantSession, "before_flush")
def _refuse_foreign_rows(session: Session, _context: UOWTransaction, _instances: object) -> None:
    if not isinstance(session, TenantSession):
        return
    for row in (*session.new, *session.dirty, *session.deleted):
        if isinstance(row, TenantOwned) and row.tenant_id != session.tenant_id:
            raise RuntimeError("A row of another tenant was about to be written.")


def _prepare_sqlite(connection: sqlite3.Connection, _entry: ConnectionPoolEntry) -> None:
    for pragma in ("journal_mode = WAL", "foreign_keys = ON", "synchronous = FULL", "secure_delete = ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    # A deferred transaction that reads and then writes fails at once when another process wrote in between.
    connection.exec_driver_sql("BEGIN IMMEDIATE")
