"""Tenants, signing keys, launches, access log and discovery cache, with the database's own guards.

On PostgreSQL every tenant-owned table has a row-level policy on ``app.tenant``, set for one transaction at a
time. Attempts and launches can also be found by whoever holds their unguessable key (``app.lookup``),
because the tenant is not known before. On both databases a trigger refuses any change to the access log.
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TENANT = "tenant_id = current_setting('app.tenant', true)"
LOOKUP = "{column} = ANY (string_to_array(current_setting('app.lookup', true), ','))"


def upgrade() -> None:
    """Create the tables, then the guards."""
    _tenants()
    _signing_keys()
    _launch_attempts()
    _launches()
    _audit()
    _discovery_cache()
    if op.get_bind().dialect.name == "postgresql":
        _policies()
        _protect_audit_postgresql()
    else:
        _protect_audit_sqlite()


def _text(name: str, length: int = 255, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.String(length), nullable=nullable)


def _time(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _json(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.JSON(), nullable=False)


def _of_tenant() -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"])


def _tenants() -> None:
    op.create_table(
        "tenants",
        _text("id", 64),
        _text("name"),
        _text("issuer", 2048),
        _text("id_token_issuer", 2048, nullable=True),
        _text("client_id"),
        _text("auth_method", 32),
        _text("sealed_client_secret", 4096, nullable=True),
        _text("backend_client_id", nullable=True),
        _text("vendor", 32),
        _text("scope_style", 8),
        _text("policy_id"),
        _json("allowed_hosts"),
        _json("frame_ancestors"),
        _json("roles"),
        _json("options"),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        _time("created_at"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("issuer"),
    )


def _signing_keys() -> None:
    op.create_table(
        "signing_keys",
        _text("tenant_id", 64),
        _text("kid", 64),
        _text("environment", 32),
        _text("algorithm", 8),
        _text("state", 8),
        _text("sealed_private_jwk", 8192),
        _json("public_jwk"),
        _time("published_at"),
        _time("activated_at", nullable=True),
        _time("replaced_at", nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "kid"),
        _of_tenant(),
    )


def _launch_attempts() -> None:
    op.create_table(
        "launch_attempts",
        _text("id", 64),
        _text("tenant_id", 64),
        _text("state_hash", 64),
        _text("cookie_hash", 64),
        _text("launch_hash", 64, nullable=True),
        _text("sealed_secrets", 4096, nullable=True),
        _time("created_at"),
        _time("expires_at"),
        _time("consumed_at", nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("state_hash"),
        _of_tenant(),
    )
    op.create_index("ix_launch_attempts_expires", "launch_attempts", ["tenant_id", "expires_at"])


def _launches() -> None:
    op.create_table(
        "launches",
        _text("id", 64),
        _text("tenant_id", 64),
        _text("cookie_hash", 64),
        _text("launch_hash", 64, nullable=True),
        _text("code_hash", 64),
        _text("sealed_user", 8192, nullable=True),
        _text("user_hash", 64),
        _text("sealed_patient", 512, nullable=True),
        _text("patient_fingerprint", 64),
        sa.Column("sealed_tokens", sa.String(), nullable=True),
        sa.Column("token_version", sa.Integer(), nullable=False),
        _time("token_expires_at"),
        _text("refresh_claim", 64, nullable=True),
        _time("refresh_claimed_until", nullable=True),
        _json("scopes"),
        _json("roles"),
        sa.Column("need_patient_banner", sa.Boolean(), nullable=False),
        _text("style_url", 2048, nullable=True),
        _time("created_at"),
        _time("last_seen_at"),
        _time("expires_at"),
        _time("ended_at", nullable=True),
        _text("end_reason", 32, nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("tenant_id", "launch_hash", name="uq_launches_launch"),
        sa.UniqueConstraint("tenant_id", "code_hash", name="uq_launches_code"),
        _of_tenant(),
    )
    op.create_index("ix_launches_open", "launches", ["tenant_id", "ended_at", "last_seen_at"])


def _audit() -> None:
    op.create_table(
        "audit",
        _text("tenant_id", 64),
        sa.Column("seq", sa.Integer(), nullable=False),
        _time("at"),
        _text("action", 64),
        _text("outcome", 64),
        _text("sealed_actor", 4096, nullable=True),
        _text("actor_hash", 64, nullable=True),
        _text("sealed_patient", 512, nullable=True),
        _text("patient_fingerprint", 64, nullable=True),
        _text("launch_id", 64, nullable=True),
        _text("evaluation_hash", 128, nullable=True),
        _json("source_versions"),
        _text("key_id", 32),
        _text("prev_hash", 64),
        _text("hash", 64),
        sa.PrimaryKeyConstraint("tenant_id", "seq"),
    )


def _discovery_cache() -> None:
    op.create_table(
        "discovery_cache",
        _text("tenant_id", 64),
        _text("fhir_base", 2048),
        _json("document"),
        _time("fetched_at"),
        sa.PrimaryKeyConstraint("tenant_id", "fhir_base"),
        _of_tenant(),
    )


def _policies() -> None:
    for table in ("signing_keys", "launch_attempts", "launches", "audit", "discovery_cache"):
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY {table}_tenant ON {table} USING ({TENANT}) WITH CHECK ({TENANT})")
    for table, column in (("launch_attempts", "state_hash"), ("launches", "id")):
        lookup = LOOKUP.format(column=column)
        op.execute(f"CREATE POLICY {table}_lookup ON {table} FOR SELECT USING ({lookup})")


def _protect_audit_postgresql() -> None:
    op.execute(
        "CREATE FUNCTION audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'entries of the access log cannot be changed'; END $$"
    )
    op.execute(
        "CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE ON audit "
        "FOR EACH ROW EXECUTE FUNCTION audit_is_append_only()"
    )
    op.execute(
        "CREATE TRIGGER audit_no_truncate BEFORE TRUNCATE ON audit "
        "FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only()"
    )


def _protect_audit_sqlite() -> None:
    for verb in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER audit_no_{verb.lower()} BEFORE {verb} ON audit "
            "BEGIN SELECT RAISE(ABORT, 'entries of the access log cannot be changed'); END"
        )
