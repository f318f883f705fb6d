"""Launches: one authorised opening of one patient by one user, bound to one address and one cookie."""

import re
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import or_, select, update
from sqlalchemy.exc import IntegrityError

from app.store.attempts import Attempt
from app.store.db import Store, TenantSession, set_local
from app.store.errors import LaunchForbiddenError, LaunchOverError, LaunchReplayedError
from app.store.launch import Launch, LaunchUser, OpenedLaunch, RefreshClaim, SealedColumns, Tokens
from app.store.models import LaunchRow
from smart_launch.secret import Secret
from smart_launch.tokens import TokenResponse

_LAUNCH_ID = re.compile(r"[A-Za-z0-9_-]{32}")
REFRESH_CLAIM = timedelta(seconds=15)
"""How long one process may take for a token request before another one may try."""


class Sessions:
    """Opens, loads and ends launches.

    ``idle``: a launch ends after this long without use. ``absolute``: it ends at the latest after this long.
    """

    def __init__(self, store: Store, *, idle: timedelta, absolute: timedelta) -> None:
        self._store = store
        self._ring = store.ring
        self._sealed = SealedColumns(store.ring)
        self._idle = idle
        self._absolute = absolute

    def open(
        self,
        attempt: Attempt,
        code: Secret,
        user: LaunchUser,
        response: TokenResponse,
        now: datetime,
        *,
        roles: Sequence[str] = (),
    ) -> OpenedLaunch:
        """Open a launch with a new id (192 bits) and a new cookie. Raises LaunchReplayedError, TokenError.

        The EHR's launch value and the code open one launch ever, whatever state they come back with. A launch of the
        clinic's list has no patient, whatever the EHR sends along.
        """
        tenant_id, patient = attempt.tenant_id, "" if attempt.population else response.require_patient()
        launch_id, cookie = secrets.token_urlsafe(24), Secret(secrets.token_urlsafe(24))
        row = LaunchRow(
            id=launch_id,
            tenant_id=tenant_id,
            cookie_hash=self._ring.keyed_hash("launch cookie", cookie.reveal()),
            launch_hash=attempt.launch_hash,
            code_hash=self._ring.keyed_hash(f"code {tenant_id}", code.reveal()),
            user_hash=self._ring.keyed_hash(f"user {tenant_id}", f"{user.issuer} {user.subject}"),
            patient_fingerprint=self.fingerprint(tenant_id, patient),
            token_version=1,
            scopes=list(response.scopes),
            roles=list(roles),
            need_patient_banner=response.context.need_patient_banner,
            style_url=response.context.style_url,
            created_at=now,
            last_seen_at=now,
            expires_at=now + self._absolute,
        )
        self._sealed.fill(row, user, patient)
        self._sealed.fill_tokens(row, Tokens.of(response))
        try:
            with self._store.tenant(tenant_id) as session:
                # The row's own hash is guarded by the table; one under another master key is looked for.
                known = self._ring.keyed_hashes(f"code {tenant_id}", code.reveal())
                if session.scalar(select(LaunchRow.id).where(LaunchRow.code_hash.in_(known)).limit(1)):
                    raise LaunchReplayedError
                session.add(row)
        except IntegrityError:
            raise LaunchReplayedError from None
        return OpenedLaunch(self._sealed.read(row, self._idle), cookie)

    def load(self, launch_id: str, cookie: str, now: datetime) -> Launch:
        """The open launch of this address and this browser; does not count as use.

        Raises LaunchForbiddenError for an unknown id or another browser, LaunchOverError when it has ended.
        """
        with self._store.tenant(self.tenant_of(launch_id)) as session:
            row = session.get(LaunchRow, launch_id)
            if row is None or not self._ring.matches(row.cookie_hash, "launch cookie", cookie):
                raise LaunchForbiddenError
            return self._open_launch(row, now)

    def touch(self, launch: Launch, now: datetime) -> Launch:
        """Count a use: the idle time starts again. Raises LaunchOverError."""
        with self._store.tenant(launch.tenant_id) as session:
            row = self._locked(session, launch)
            self._open_launch(row, now)
            row.last_seen_at = max(now, row.last_seen_at)
            return self._sealed.read(row, self._idle)

    def end(self, launch: Launch, reason: str, now: datetime) -> bool:
        """End a launch and forget its tokens, user and patient; False when it had ended before."""
        with self._store.tenant(launch.tenant_id) as session:
            row = self._locked(session, launch)
            if row.ended_at is not None:
                return False
            row.ended_at, row.end_reason = now, reason
            row.sealed_tokens = row.sealed_user = row.sealed_patient = None
            return True

    def overdue(self, tenant_id: str, now: datetime, *, limit: int) -> tuple[Launch, ...]:
        """Launches whose time is over but whose tokens are still here: to be revoked, then ended.

        The longest unused first, at most ``limit``.
        """
        past = or_(LaunchRow.expires_at <= now, LaunchRow.last_seen_at <= now - self._idle)
        with self._store.tenant(tenant_id) as session:
            rows = session.scalars(
                select(LaunchRow)
                .where(LaunchRow.ended_at.is_(None), past)
                .order_by(LaunchRow.last_seen_at)
                .limit(limit)
            )
            return tuple(self._sealed.read(row, self._idle) for row in rows)

    def claim_refresh(self, launch: Launch, now: datetime) -> RefreshClaim | None:
        """Become the one, of all processes, that refreshes this launch's token now.

        None means somebody else is doing it or has done it: load the launch again after a moment.
        """
        claim = RefreshClaim(launch, secrets.token_hex(16))
        free = or_(LaunchRow.refresh_claimed_until.is_(None), LaunchRow.refresh_claimed_until <= now)
        with self._store.tenant(launch.tenant_id) as session:
            won = session.scalars(
                update(LaunchRow)
                .where(
                    LaunchRow.id == launch.id,
                    LaunchRow.ended_at.is_(None),
                    LaunchRow.token_version == launch.token_version,
                    free,
                )
                .values(refresh_claim=claim.value, refresh_claimed_until=now + REFRESH_CLAIM)
                .returning(LaunchRow.id)
                .execution_options(synchronize_session=False)
            ).one_or_none()
        return claim if won is not None else None

    def save_rotated_tokens(self, claim: RefreshClaim, response: TokenResponse, now: datetime) -> Launch:
        """Store the answer of a refresh, before any use of it; returns the launch with the new tokens.

        When another process has stored newer tokens meanwhile, those are kept and returned.
        Raises LaunchOverError.
        """
        with self._store.tenant(claim.launch.tenant_id) as session:
            row = self._locked(session, claim.launch)
            self._open_launch(row, now)
            if row.token_version == claim.launch.token_version:
                self._sealed.fill_tokens(row, Tokens.of(response))
                row.token_version += 1
                row.scopes = list(response.scopes)
                row.refresh_claim = row.refresh_claimed_until = None
            return self._sealed.read(row, self._idle)

    def release_refresh(self, claim: RefreshClaim) -> None:
        """Give a claim back after a refresh that failed in a way worth repeating."""
        with self._store.tenant(claim.launch.tenant_id) as session:
            session.execute(
                update(LaunchRow)
                .where(LaunchRow.id == claim.launch.id, LaunchRow.refresh_claim == claim.value)
                .values(refresh_claim=None, refresh_claimed_until=None)
                .execution_options(synchronize_session=False)
            )

    def fingerprint(self, tenant_id: str, patient: str) -> str:
        """The keyed hash a page carries, to prove which patient it was made for."""
        return self._ring.keyed_hash(f"patient {tenant_id}", patient)

    def _locked(self, session: TenantSession, launch: Launch) -> LaunchRow:
        row = session.scalars(
            select(LaunchRow).where(LaunchRow.id == launch.id).with_for_update()
        ).one_or_none()
        if row is None:
            raise LaunchOverError
        return row

    def _open_launch(self, row: LaunchRow, now: datetime) -> Launch:
        over = row.ended_at is not None or row.sealed_tokens is None
        if over or now >= row.expires_at or now >= row.last_seen_at + self._idle:
            raise LaunchOverError
        return self._sealed.read(row, self._idle)

    def tenant_of(self, launch_id: str) -> str:
        """The tenant of a launch, open or ended.  Raises LaunchForbiddenError for an unknown id."""
        if not _LAUNCH_ID.fullmatch(launch_id):
            raise LaunchForbiddenError
        # Only the holder of the unguessable id can ask, so that row's tenant may be read before it is known.
        table = LaunchRow.metadata.tables[LaunchRow.__tablename__]
        with self._store.system() as session:
            set_local(session, "app.lookup", launch_id)
            tenant_id = session.scalar(select(table.c.tenant_id).where(table.c.id == launch_id))
        if tenant_id is None:
            raise LaunchForbiddenError
        return str(tenant_id)
