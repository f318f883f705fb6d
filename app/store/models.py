"""The tables. Times are UTC; sealed columns open only through the key ring; hashes are keyed."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, ClassVar

from sqlalchemy import (
    JSON,
    BigInteger,
    DateTime,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    String,
    UniqueConstraint,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator

Json = Any


class UtcDateTime(TypeDecorator[datetime]):
    """An instant: refuses a time without zone, returns UTC on every database."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("A stored time needs a time zone.")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Base(DeclarativeBase):
    """Base of all tables."""

    type_annotation_map: ClassVar[dict[Any, Any]] = {
        str: String(255),
        datetime: UtcDateTime(),
        Json: JSON(),
    }


class TenantOwned:
    """A row that belongs to one tenant; sessions of other tenants never see it."""

    tenant_id: Mapped[str] = mapped_column(String(64))


class TenantRow(Base):
    """One organisation: one FHIR base, one registration, one policy."""

    __tablename__ = "tenants"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    name: Mapped[str]
    issuer: Mapped[str] = mapped_column(String(2048), unique=True)
    id_token_issuer: Mapped[str | None] = mapped_column(String(2048))
    client_id: Mapped[str]
    auth_method: Mapped[str] = mapped_column(String(32))
    sealed_client_secret: Mapped[str | None] = mapped_column(String(4096))
    backend_client_id: Mapped[str | None]
    vendor: Mapped[str] = mapped_column(String(32))
    scope_style: Mapped[str] = mapped_column(String(8))
    policy_id: Mapped[str]
    allowed_hosts: Mapped[Json]
    frame_ancestors: Mapped[Json]
    roles: Mapped[Json]
    options: Mapped[Json]
    enabled: Mapped[bool]
    created_at: Mapped[datetime]


class SigningKeyRow(TenantOwned, Base):
    """One of our signing keys for one tenant and environment."""

    __tablename__ = "signing_keys"
    __table_args__ = (ForeignKeyConstraint(["tenant_id"], ["tenants.id"]),)

    tenant_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    kid: Mapped[str] = mapped_column(String(64), primary_key=True)
    environment: Mapped[str] = mapped_column(String(32))
    algorithm: Mapped[str] = mapped_column(String(8))
    state: Mapped[str] = mapped_column(String(8))
    sealed_private_jwk: Mapped[str] = mapped_column(String(8192))
    public_jwk: Mapped[Json]
    published_at: Mapped[datetime]
    activated_at: Mapped[datetime | None]
    replaced_at: Mapped[datetime | None]


class AttemptRow(TenantOwned, Base):
    """A launch on its way through the EHR's authorization; answered at most once."""

    __tablename__ = "launch_attempts"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id"], ["tenants.id"]),
        Index("ix_launch_attempts_expires", "tenant_id", "expires_at"),
    )

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    state_hash: Mapped[str] = mapped_column(String(64), unique=True)
    cookie_hash: Mapped[str] = mapped_column(String(64))
    launch_hash: Mapped[str | None] = mapped_column(String(64))
    sealed_secrets: Mapped[str | None] = mapped_column(String(4096))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    consumed_at: Mapped[datetime | None]


class LaunchRow(TenantOwned, Base):
    """One authorised opening of one patient by one user."""

    __tablename__ = "launches"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id"], ["tenants.id"]),
        UniqueConstraint("tenant_id", "launch_hash", name="uq_launches_launch"),
        UniqueConstraint("tenant_id", "code_hash", name="uq_launches_code"),
        Index("ix_launches_open", "tenant_id", "ended_at", "last_seen_at"),
    )

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    cookie_hash: Mapped[str] = mapped_column(String(64))
    launch_hash: Mapped[str | None] = mapped_column(String(64))
    code_hash: Mapped[str] = mapped_column(String(64))
    sealed_user: Mapped[str | None] = mapped_column(String(8192))
    user_hash: Mapped[str] = mapped_column(String(64))
    sealed_patient: Mapped[str | None] = mapped_column(String(512))
    patient_fingerprint: Mapped[str] = mapped_column(String(64))
    sealed_tokens: Mapped[str | None] = mapped_column(String())
    token_version: Mapped[int]
    token_expires_at: Mapped[datetime]
    refresh_claim: Mapped[str | None] = mapped_column(String(64))
    refresh_claimed_until: Mapped[datetime | None]
    scopes: Mapped[Json]
    roles: Mapped[Json]
    need_patient_banner: Mapped[bool]
    style_url: Mapped[str | None] = mapped_column(String(2048))
    created_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    end_reason: Mapped[str | None] = mapped_column(String(32))


class AuditRow(TenantOwned, Base):
    """One entry of a tenant's access log; never changed or deleted (a trigger refuses both)."""

    __tablename__ = "audit"

    tenant_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[datetime]
    action: Mapped[str] = mapped_column(String(64))
    outcome: Mapped[str] = mapped_column(String(64))
    sealed_actor: Mapped[str | None] = mapped_column(String(4096))
    actor_hash: Mapped[str | None] = mapped_column(String(64))
    sealed_patient: Mapped[str | None] = mapped_column(String(512))
    patient_fingerprint: Mapped[str | None] = mapped_column(String(64))
    launch_id: Mapped[str | None] = mapped_column(String(64))
    evaluation_hash: Mapped[str | None] = mapped_column(String(128))
    source_versions: Mapped[Json]
    key_id: Mapped[str] = mapped_column(String(32))
    prev_hash: Mapped[str] = mapped_column(String(64))
    hash: Mapped[str] = mapped_column(String(64))


class DiscoveryRow(TenantOwned, Base):
    """A server's SMART configuration as last fetched."""

    __tablename__ = "discovery_cache"

    tenant_id: Mapped[str] = mapped_column(String(64), ForeignKey("tenants.id"), primary_key=True)
    fhir_base: Mapped[str] = mapped_column(String(2048), primary_key=True)
    document: Mapped[Json]
    fetched_at: Mapped[datetime]


class VisitRecordRow(TenantOwned, Base):
    """One entry made in a visit; never changed or deleted (a trigger refuses both)."""

    __tablename__ = "visit_records"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id"], ["tenants.id"]),
        UniqueConstraint("tenant_id", "content_hash", name="uq_visit_records_content"),
        Index("ix_visit_records_patient", "tenant_id", "patient_hash", "at"),
    )

    tenant_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    patient_hash: Mapped[str] = mapped_column(String(64))
    author_hash: Mapped[str] = mapped_column(String(64))
    content_hash: Mapped[str] = mapped_column(String(64))
    sealed_entry: Mapped[str] = mapped_column(String(8192))
    at: Mapped[datetime]


class WriteBackRow(TenantOwned, Base):
    """One attempt to write an entry to the EHR; never changed or deleted either."""

    __tablename__ = "write_backs"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "record_id"], ["visit_records.tenant_id", "visit_records.id"]),
        Index("ix_write_backs_record", "tenant_id", "record_id", "at"),
    )

    tenant_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    record_id: Mapped[str] = mapped_column(String(64))
    sealed_outcome: Mapped[str] = mapped_column(String(8192))
    at: Mapped[datetime]


class WriteClaimRow(TenantOwned, Base):
    """The process that writes an entry to the EHR now; a row that outlives its time was left by one that ended."""

    __tablename__ = "write_claims"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "record_id"], ["visit_records.tenant_id", "visit_records.id"]),
    )

    tenant_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    record_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    value: Mapped[str] = mapped_column(String(64))
    until: Mapped[datetime]


class Millionths(TypeDecorator[Decimal]):
    """An exact number with six decimals, kept as a whole number on every database."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> int | None:  # noqa: ARG002
        return None if value is None else int(value.scaleb(6))

    def process_result_value(self, value: int | None, dialect: Dialect) -> Decimal | None:  # noqa: ARG002
        return None if value is None else Decimal(value).scaleb(-6)


class RunRow(TenantOwned, Base):
    """One evaluation of a whole export; loaded once, never changed.  record: its `run.json`."""

    __tablename__ = "registry_runs"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id"], ["tenants.id"]),
        Index("ix_registry_runs_newest", "tenant_id", "as_of", "loaded_at"),
    )

    tenant_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    as_of: Mapped[date]
    status: Mapped[str] = mapped_column(String(16))
    record: Mapped[Json]
    loaded_at: Mapped[datetime]


class RegistryRow(TenantOwned, Base):
    """One patient in one run.  Who it is and the evaluation are sealed; nothing else names the patient."""

    __tablename__ = "registry_evaluations"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "run_id"], ["registry_runs.tenant_id", "registry_runs.id"]),
        Index("ix_registry_evaluations_patient", "tenant_id", "patient_hash"),
        Index("ix_registry_evaluations_list", "tenant_id", "run_id", "ltot", "mme"),
    )

    tenant_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    run_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    patient_hash: Mapped[str] = mapped_column(String(64))
    sealed_patient: Mapped[str] = mapped_column(String(1024))
    sealed_person: Mapped[str | None] = mapped_column(String(2048))
    ltot: Mapped[str] = mapped_column(String(16))
    ltot_state: Mapped[str] = mapped_column(String(32))
    ltot_since: Mapped[date | None]
    covered_days_90: Mapped[int]
    mme: Mapped[Decimal | None] = mapped_column(Millionths())
    mme_complete: Mapped[bool]
    mme_avg_90: Mapped[Decimal | None] = mapped_column(Millionths())
    exclusions: Mapped[Json]
    risk_tier: Mapped[str] = mapped_column(String(16))
    prescriber: Mapped[str | None]
    gaps_overdue: Mapped[int]
    gaps_due_soon: Mapped[int]
    gaps_unknown: Mapped[int]
    sealed_evaluation: Mapped[str] = mapped_column(String())


class RegistryGapRow(TenantOwned, Base):
    """One care gap of one patient in one run."""

    __tablename__ = "registry_gaps"
    __table_args__ = (
        ForeignKeyConstraint(
            ["tenant_id", "run_id", "number"],
            [
                "registry_evaluations.tenant_id",
                "registry_evaluations.run_id",
                "registry_evaluations.number",
            ],
        ),
        Index("ix_registry_gaps_status", "tenant_id", "run_id", "gap", "status"),
    )

    tenant_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    run_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    gap: Mapped[str] = mapped_column(String(16), primary_key=True)
    status: Mapped[str] = mapped_column(String(16))
    due: Mapped[date | None]
