"""Under which master keys the database's values are sealed: what to know before a key is forgotten."""

from collections import Counter
from collections.abc import Iterator

from sqlalchemy import Select, func, select
from sqlalchemy.orm import InstrumentedAttribute

from app.store.audit import AuditLog
from app.store.crypto import KEY_ID_AT, KEY_ID_DIGITS
from app.store.db import Store, TenantSession
from app.store.models import AuditRow, Base, TenantOwned, TenantRow


def sealed_by_key(store: Store) -> Counter[str]:
    """How many sealed values and entries of the access log, of all tenants, need each key id."""
    found: Counter[str] = Counter()
    with store.system() as session:
        _count(session, TenantRow.sealed_client_secret, found)
    for tenant_id in AuditLog(store).tenants():
        with store.tenant(tenant_id) as session:
            for column in _sealed_columns():
                _count(session, column, found)
            entries = select(AuditRow.key_id, func.count()).group_by(AuditRow.key_id)
            _add(session, entries, found)
    return found


def _sealed_columns() -> Iterator[InstrumentedAttribute[str | None]]:
    for mapper in Base.registry.mappers:
        if issubclass(mapper.class_, TenantOwned):
            names = [column.key for column in mapper.columns if column.key.startswith("sealed_")]
            yield from (getattr(mapper.class_, name) for name in names)


def _count(session: TenantSession, column: InstrumentedAttribute[str | None], found: Counter[str]) -> None:
    key_id = func.substr(column, KEY_ID_AT + 1, KEY_ID_DIGITS)
    counted = select(key_id, func.count()).where(column.is_not(None)).group_by(key_id)
    _add(session, counted, found)


def _add(session: TenantSession, counted: Select[str, int], found: Counter[str]) -> None:
    for key_id, number in session.execute(counted):
        found[key_id] += number
