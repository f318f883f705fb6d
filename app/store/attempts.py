"""Launch attempts: what must survive between the redirect to the EHR and the answer, once, for ten
minutes."""

import json
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, select

from app.store.crypto import Place
from app.store.db import Store, TenantSession, set_local
from app.store.errors import AttemptSpentError, AttemptUnmatchedError
from app.store.models import AttemptRow, LaunchRow
from smart_launch.launch import AuthorizationRequest
from smart_launch.secret import Secret

ATTEMPT_LIFETIME = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Attempt:
    """A consumed attempt. ``launch_hash`` marks the EHR's launch value; None for a standalone launch.

    ``population``: the clinic's list was to be opened, not one patient's panel.
    """

    tenant_id: str
    state: Secret
    nonce: Secret
    verifier: Secret
    redirect_uri: str
    scopes: tuple[str, ...]
    launch_hash: str | None
    population: bool = False


class Attempts:
    """Keeps attempts. State and cookie are stored as keyed hashes, nonce and verifier sealed."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def create(
        self,
        tenant_id: str,
        request: AuthorizationRequest,
        launch: Secret | None,
        now: datetime,
        *,
        population: bool = False,
    ) -> Secret:
        """Store an attempt; returns the value of the cookie that binds it to this browser."""
        ring, cookie, attempt_id = self._store.ring, Secret(secrets.token_urlsafe(24)), secrets.token_hex(16)
        kept = {
            "nonce": request.nonce.reveal(),
            "verifier": request.verifier.reveal(),
            "redirect_uri": request.redirect_uri,
            "scopes": list(request.scopes),
            "population": population,
        }
        with self._store.tenant(tenant_id) as session:
            session.add(
                AttemptRow(
                    id=attempt_id,
                    tenant_id=tenant_id,
                    state_hash=ring.keyed_hash("state", request.state.reveal()),
                    cookie_hash=ring.keyed_hash("attempt cookie", cookie.reveal()),
                    launch_hash=launch and self._launch_hash(session, tenant_id, launch),
                    sealed_secrets=ring.seal(json.dumps(kept), _place(tenant_id, attempt_id)),
                    created_at=now,
                    expires_at=now + ATTEMPT_LIFETIME,
                )
            )
        return cookie

    def consume(self, state: Secret, cookie: str, now: datetime) -> Attempt:
        """Take the attempt this answer belongs to; of several callers, exactly one succeeds.

        Raises AttemptUnmatchedError when this browser started no such launch (the attempt stays usable for
        the browser that did), AttemptSpentError when it was answered before or its ten minutes are over.
        """
        hashes = self._store.ring.keyed_hashes("state", state.reveal())
        with self._store.tenant(self._tenant_by_hash(hashes)) as session:
            row = session.scalars(
                select(AttemptRow).where(AttemptRow.state_hash.in_(hashes)).with_for_update()
            ).one_or_none()
            if row is None or not self._store.ring.matches(row.cookie_hash, "attempt cookie", cookie):
                raise AttemptUnmatchedError
            if row.consumed_at is not None or row.sealed_secrets is None or now >= row.expires_at:
                raise AttemptSpentError
            kept = json.loads(self._store.ring.open(row.sealed_secrets, _place(row.tenant_id, row.id)))
            row.consumed_at, row.sealed_secrets = now, None
            return Attempt(
                tenant_id=row.tenant_id,
                state=state,
                nonce=Secret(kept["nonce"]),
                verifier=Secret(kept["verifier"]),
                redirect_uri=kept["redirect_uri"],
                scopes=tuple(kept["scopes"]),
                launch_hash=row.launch_hash,
                population=bool(kept.get("population")),
            )

    def _launch_hash(self, session: TenantSession, tenant_id: str, launch: Secret) -> str:
        """The hash this launch value is known under; a change of the master key must not make it new again."""
        hashes = self._store.ring.keyed_hashes(f"launch {tenant_id}", launch.reveal())
        for row in (LaunchRow, AttemptRow):
            known = session.scalar(select(row.launch_hash).where(row.launch_hash.in_(hashes)).limit(1))
            if known is not None:
                return known
        return hashes[0]

    def remove_expired(self, tenant_id: str, now: datetime) -> int:
        """Delete attempts that nobody can answer any more; returns how many."""
        with self._store.tenant(tenant_id) as session:
            gone = session.scalars(
                delete(AttemptRow).where(AttemptRow.expires_at <= now).returning(AttemptRow.id)
            )
            return len(gone.all())

    def tenant_of(self, state: Secret) -> str:
        """The tenant whose launch this answer claims to be.  Raises AttemptUnmatchedError."""
        return self._tenant_by_hash(self._store.ring.keyed_hashes("state", state.reveal()))

    def _tenant_by_hash(self, state_hashes: tuple[str, ...]) -> str:
        # Only the holder of the state can ask, so the tenant of that one row may be read before it is known.
        table = AttemptRow.metadata.tables[AttemptRow.__tablename__]
        with self._store.system() as session:
            set_local(session, "app.lookup", ",".join(state_hashes))
            tenant_id = session.scalar(select(table.c.tenant_id).where(table.c.state_hash.in_(state_hashes)))
        if tenant_id is None:
            raise AttemptUnmatchedError
        return str(tenant_id)


def _place(tenant_id: str, attempt_id: str) -> Place:
    return Place("launch_attempts", f"{tenant_id}/{attempt_id}", "sealed_secrets")
