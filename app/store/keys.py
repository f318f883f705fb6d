"""Our signing keys at rest, and their rotation: published before use, used, published until nothing needs
them."""

from datetime import datetime, timedelta

from sqlalchemy import delete, select

from app.store.crypto import Place
from app.store.db import Store, TenantSession
from app.store.errors import SigningKeyMissingError, SigningKeyRotationError, TenantUnknownError
from app.store.models import SigningKeyRow, TenantRow
from smart_launch.keys import (
    KeyState,
    SigningAlgorithm,
    SigningKey,
    generate_signing_key,
    load_signing_key,
    public_jwk,
)
from smart_launch.secret import Secret

PUBLISH_BEFORE_USE = timedelta(hours=1)
"""At least as long as EHRs are told to cache the key set."""
KEEP_AFTER_USE = timedelta(hours=1)
"""Far longer than the four minutes an assertion is valid."""


class SigningKeys:
    """The signing keys of one tenant in one environment; private parts are sealed."""

    def __init__(self, store: Store, tenant_id: str, environment: str) -> None:
        self._store = store
        self._tenant_id = tenant_id
        self._environment = environment

    def create(self, algorithm: SigningAlgorithm, now: datetime) -> tuple[str, KeyState]:
        """Make a key. The very first one is active at once; later ones are published as next.

        Returns key id and state. Raises SigningKeyRotationError while another key is already next.
        """
        key = generate_signing_key(algorithm)
        with self._store.tenant(self._tenant_id) as session:
            self._lock(session)
            rows = self._rows(session)
            if any(row.state == KeyState.NEXT for row in rows):
                raise SigningKeyRotationError("A next key exists already; rotate to it first.")
            state = KeyState.NEXT if any(row.state == KeyState.ACTIVE for row in rows) else KeyState.ACTIVE
            session.add(
                SigningKeyRow(
                    tenant_id=self._tenant_id,
                    kid=key.kid,
                    environment=self._environment,
                    algorithm=algorithm.value,
                    state=state.value,
                    sealed_private_jwk=self._store.ring.seal(key.private_jwk.reveal(), self._place(key.kid)),
                    public_jwk=public_jwk(key),
                    published_at=now,
                    activated_at=now if state is KeyState.ACTIVE else None,
                )
            )
        return key.kid, state

    def active(self) -> SigningKey:
        """The key that signs now. Raises SigningKeyMissingError."""
        with self._store.tenant(self._tenant_id) as session:
            for row in self._rows(session):
                if row.state == KeyState.ACTIVE:
                    opened = self._store.ring.open(row.sealed_private_jwk, self._place(row.kid))
                    return load_signing_key(Secret(opened), SigningAlgorithm(row.algorithm))
        raise SigningKeyMissingError

    def published(self) -> tuple[dict[str, str | list[str]], ...]:
        """Public keys to serve: next, active and passive ones, oldest first."""
        with self._store.tenant(self._tenant_id) as session:
            return tuple(row.public_jwk for row in self._rows(session))

    def states(self) -> tuple[tuple[str, KeyState], ...]:
        """Key ids and states, oldest first."""
        with self._store.tenant(self._tenant_id) as session:
            return tuple((row.kid, KeyState(row.state)) for row in self._rows(session))

    def rotate(self, now: datetime) -> str:
        """Make the next key active and the active one passive; returns the new active key id.

        Raises SigningKeyRotationError when there is no next key, or EHRs may not have seen it yet.
        """
        with self._store.tenant(self._tenant_id) as session:
            self._lock(session)
            rows = {row.state: row for row in self._rows(session)}
            following = rows.get(KeyState.NEXT)
            if following is None:
                raise SigningKeyRotationError("There is no next key; make one with `ltot keys new`.")
            ready = following.published_at + PUBLISH_BEFORE_USE
            if now < ready:
                raise SigningKeyRotationError(
                    f"EHRs may not have read the next key yet; rotate after {ready:%Y-%m-%d %H:%M} UTC."
                )
            if (current := rows.get(KeyState.ACTIVE)) is not None:
                current.state, current.replaced_at = KeyState.PASSIVE.value, now
            following.state, following.activated_at = KeyState.ACTIVE.value, now
            return following.kid

    def remove_passive(self, now: datetime) -> tuple[str, ...]:
        """Delete passive keys whose last assertion expired long ago; returns their ids."""
        with self._store.tenant(self._tenant_id) as session:
            gone = session.scalars(
                delete(SigningKeyRow)
                .where(
                    SigningKeyRow.environment == self._environment,
                    SigningKeyRow.state == KeyState.PASSIVE.value,
                    SigningKeyRow.replaced_at <= now - KEEP_AFTER_USE,
                )
                .returning(SigningKeyRow.kid)
            )
            return tuple(gone)

    def _lock(self, session: TenantSession) -> None:
        """Let one process at a time change this tenant's keys. Raises TenantUnknownError."""
        if session.get(TenantRow, self._tenant_id, with_for_update=True) is None:
            raise TenantUnknownError

    def _rows(self, session: TenantSession) -> list[SigningKeyRow]:
        rows = session.scalars(
            select(SigningKeyRow)
            .where(SigningKeyRow.environment == self._environment)
            .order_by(SigningKeyRow.published_at, SigningKeyRow.kid)
        )
        return list(rows)

    def _place(self, kid: str) -> Place:
        return Place("signing_keys", f"{self._tenant_id}/{kid}", "sealed_private_jwk")
