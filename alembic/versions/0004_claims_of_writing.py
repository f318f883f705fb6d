"""Claims of writing: which process is writing an entry of a visit to the EHR now.

Unlike the entries themselves, claims come and go.  The table carries the row-level policy of every tenant-owned table.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

TENANT = "tenant_id = current_setting('app.tenant', true)"


def upgrade() -> None:
    """Create the table, then its guard."""
    op.create_table(
        "write_claims",
        sa.Column("tenant_id", sa.String(64), nullable=False),
        sa.Column("record_id", sa.String(64), nullable=False),
        sa.Column("value", sa.String(64), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "record_id"),
        sa.ForeignKeyConstraint(["tenant_id", "record_id"], ["visit_records.tenant_id", "visit_records.id"]),
    )
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER TABLE write_claims ENABLE ROW LEVEL SECURITY")
        op.execute("ALTER TABLE write_claims FORCE ROW LEVEL SECURITY")
        op.execute(
            f"CREATE POLICY write_claims_tenant ON write_claims USING ({TENANT}) WITH CHECK ({TENANT})"
        )
