"""The registry: runs over whole exports, and one row per patient and per care gap in each.

All three tables carry the row-level policy of every tenant-owned table.
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

TABLES = ("registry_runs", "registry_evaluations", "registry_gaps")
TENANT = "tenant_id = current_setting('app.tenant', true)"


def upgrade() -> None:
    """Create the tables, then the guards."""
    _runs()
    _evaluations()
    _gaps()
    if op.get_bind().dialect.name == "postgresql":
        for table in TABLES:
            op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
            op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
            op.execute(f"CREATE POLICY {table}_tenant ON {table} USING ({TENANT}) WITH CHECK ({TENANT})")


def _text(name: str, length: int = 255, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.String(length), nullable=nullable)


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.Integer(), nullable=False)


def _day(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.Date(), nullable=True)


def _runs() -> None:
    op.create_table(
        "registry_runs",
        _text("tenant_id", 64),
        _text("id", 64),
        sa.Column("as_of", sa.Date(), nullable=False),
        _text("status", 16),
        sa.Column("record", sa.JSON(), nullable=False),
        sa.Column("loaded_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "id"),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"]),
    )
    op.create_index("ix_registry_runs_newest", "registry_runs", ["tenant_id", "as_of", "loaded_at"])


def _evaluations() -> None:
    op.create_table(
        "registry_evaluations",
        _text("tenant_id", 64),
        _text("run_id", 64),
        _number("number"),
        _text("patient_hash", 64),
        _text("sealed_patient", 1024),
        _text("ltot", 16),
        _text("ltot_state", 32),
        _day("ltot_since"),
        _number("covered_days_90"),
        sa.Column("mme", sa.BigInteger(), nullable=True),
        sa.Column("mme_complete", sa.Boolean(), nullable=False),
        sa.Column("mme_avg_90", sa.BigInteger(), nullable=True),
        sa.Column("exclusions", sa.JSON(), nullable=False),
        _text("risk_tier", 16),
        _text("prescriber", nullable=True),
        _number("gaps_overdue"),
        _number("gaps_due_soon"),
        _number("gaps_unknown"),
        sa.Column("sealed_evaluation", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "run_id", "number"),
        sa.ForeignKeyConstraint(["tenant_id", "run_id"], ["registry_runs.tenant_id", "registry_runs.id"]),
    )
    op.create_index("ix_registry_evaluations_patient", "registry_evaluations", ["tenant_id", "patient_hash"])
    op.create_index(
        "ix_registry_evaluations_list", "registry_evaluations", ["tenant_id", "run_id", "ltot", "mme"]
    )


def _gaps() -> None:
    op.create_table(
        "registry_gaps",
        _text("tenant_id", 64),
        _text("run_id", 64),
        _number("number"),
        _text("gap", 16),
        _text("status", 16),
        _day("due"),
        sa.PrimaryKeyConstraint("tenant_id", "run_id", "number", "gap"),
        sa.ForeignKeyConstraint(
            ["tenant_id", "run_id", "number"],
            [
                "registry_evaluations.tenant_id",
                "registry_evaluations.run_id",
                "registry_evaluations.number",
            ],
        ),
    )
    op.create_index("ix_registry_gaps_status", "registry_gaps", ["tenant_id", "run_id", "gap", "status"])
