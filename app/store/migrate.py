"""Bringing a database to this version, and telling whether it is."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import InterfaceError, OperationalError, ProgrammingError

from app.errors import LtotError
from app.store.errors import NotMigratedError, StoreUnavailableError

_PACKED = Path(__file__).resolve().parent / "migrations"
_SCRIPTS = _PACKED if _PACKED.is_dir() else Path(__file__).resolve().parents[2] / "alembic"
"""In an installed wheel the migrations lie beside this module; in the project they have the folder `alembic`."""
_APPENDED = "audit, visit_records, write_backs"


def upgrade(engine: Engine) -> None:
    """Apply all missing migrations in one transaction; of several processes at once, one does the work.

    Raises StoreUnavailableError.
    """
    try:
        with engine.begin() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(text("SELECT pg_advisory_xact_lock(hashtextextended('ltot migrate', 0))"))
            config = _config()
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    except (OperationalError, InterfaceError):
        raise StoreUnavailableError from None


def is_current(engine: Engine) -> bool:
    """Whether every migration has been applied. Raises StoreUnavailableError."""
    try:
        with engine.connect() as connection:
            return _revision(connection) == ScriptDirectory.from_config(_config()).get_current_head()
    except (OperationalError, InterfaceError):
        raise StoreUnavailableError from None


def require_current(engine: Engine) -> None:
    """Raises NotMigratedError unless every migration has been applied."""
    if not is_current(engine):
        raise NotMigratedError


def grant_service_role(engine: Engine, role: str) -> None:
    """Give a PostgreSQL role what the running service needs, and no more; run as the owner of the tables.

    The role may not own the tables, must not be a superuser and not bypass row-level security. It may read
    and append to the access log and to the entries of visits, never change or delete there. Raises LtotError
    LT-601 for a role that does not exist or a database without roles.
    """
    if engine.dialect.name != "postgresql":
        raise LtotError("LT-601", "grant-to: only PostgreSQL has roles.")
    try:
        _grant(engine, role)
    except ProgrammingError:
        raise LtotError("LT-601", "grant-to: the role is unknown, or this one may not grant.") from None


def _grant(engine: Engine, role: str) -> None:
    with engine.begin() as connection:
        quoted = connection.dialect.identifier_preparer.quote_identifier(role)
        connection.execute(text(f"GRANT USAGE ON SCHEMA public TO {quoted}"))
        connection.execute(
            text(f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {quoted}")
        )
        connection.execute(text(f"REVOKE UPDATE, DELETE, TRUNCATE ON {_APPENDED} FROM {quoted}"))
        connection.execute(text(f"REVOKE INSERT, UPDATE, DELETE ON alembic_version FROM {quoted}"))


def role_problem(engine: Engine) -> str | None:
    """What the connected role may do that the service should not be able to; None when there is nothing.

    On SQLite there are no roles. Raises StoreUnavailableError.
    """
    if engine.dialect.name != "postgresql":
        return None
    try:
        with engine.connect() as connection:
            unbound = connection.execute(
                text("SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user")
            ).scalar_one()
            changes = connection.execute(text("SELECT has_table_privilege('audit', 'UPDATE, DELETE')"))
            may_change = changes.scalar_one()
    except (OperationalError, InterfaceError):
        raise StoreUnavailableError from None
    if unbound:
        return "the role is not bound by row-level security"
    return "the role may change the access log" if may_change else None


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
    return config
