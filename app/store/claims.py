"""Claims: of all processes and requests, one at a time writes an entry to the EHR, or takes it back."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, update
from sqlalchemy.exc import IntegrityError

from app.store.db import Store
from app.store.models import WriteClaimRow

WRITE_CLAIM = timedelta(minutes=2)
"""How long one process may take before another one may try."""


@dataclass(frozen=True, slots=True)
class WriteClaim:
    """The right to write one entry, or to take it back, now."""

    tenant_id: str
    record_id: str
    value: str


class WriteClaims:
    """Hands out claims; giving one back that has meanwhile passed to another does nothing."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def take(self, tenant_id: str, record_id: str, now: datetime) -> WriteClaim | None:
        """The claim to an entry; None while somebody else holds it."""
        value = secrets.token_hex(16)
        row = WriteClaimRow(tenant_id=tenant_id, record_id=record_id, value=value, until=now + WRITE_CLAIM)
        try:
            with self._store.tenant(tenant_id) as session:
                session.add(row)
        except IntegrityError:
            return self._take_over(tenant_id, record_id, value, now)
        return WriteClaim(tenant_id, record_id, value)

    def _take_over(self, tenant_id: str, record_id: str, value: str, now: datetime) -> WriteClaim | None:
        with self._store.tenant(tenant_id) as session:
            won = session.scalars(
                update(WriteClaimRow)
                .where(WriteClaimRow.record_id == record_id, WriteClaimRow.until <= now)
                .values(value=value, until=now + WRITE_CLAIM)
                .returning(WriteClaimRow.record_id)
                .execution_options(synchronize_session=False)
            ).one_or_none()
        return WriteClaim(tenant_id, record_id, value) if won is not None else None

    def give_back(self, claim: WriteClaim) -> None:
        """Let the next one try."""
        with self._store.tenant(claim.tenant_id) as session:
            session.execute(
                delete(WriteClaimRow)
                .where(WriteClaimRow.record_id == claim.record_id, WriteClaimRow.value == claim.value)
                .execution_options(synchronize_session=False)
            )
