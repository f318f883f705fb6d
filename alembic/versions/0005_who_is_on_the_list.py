"""Whom a list is about: name, birth date and record number, sealed; empty for runs loaded before."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column."""
    op.add_column("registry_evaluations", sa.Column("sealed_person", sa.String(2048), nullable=True))
