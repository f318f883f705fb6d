"""SMART configurations kept between launches and shared by all processes."""

from contextlib import suppress

from sqlalchemy.exc import IntegrityError

from app.store.db import Store
from app.store.models import DiscoveryRow
from smart_launch.discovery import CachedDocument


class StoredDiscoveryCache:
    """The ``smart_launch`` discovery cache of one tenant."""

    def __init__(self, store: Store, tenant_id: str) -> None:
        self._store = store
        self._tenant_id = tenant_id

    def get(self, fhir_base: str) -> CachedDocument | None:
        """The document last stored, however old."""
        with self._store.tenant(self._tenant_id) as session:
            row = session.get(DiscoveryRow, (self._tenant_id, fhir_base))
            return CachedDocument(row.document, row.fetched_at) if row is not None else None

    def put(self, fhir_base: str, document: CachedDocument) -> None:
        """Store a document in place of an earlier one."""
        # When two processes store the first document at once, either one will do.
        with suppress(IntegrityError), self._store.tenant(self._tenant_id) as session:
            session.merge(
                DiscoveryRow(
                    tenant_id=self._tenant_id,
                    fhir_base=fhir_base,
                    document=dict(document.members),
                    fetched_at=document.fetched_at,
                )
            )
