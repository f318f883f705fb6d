"""How migrations reach the database: over the caller's connection, or the one LTOT_DATABASE_URL names."""

import os

from alembic import context
from sqlalchemy import Connection

from app.store.db import create_store_engine
from app.store.models import Base


def run(connection: Connection) -> None:
    """Run the migrations on an open connection."""
    context.configure(connection=connection, target_metadata=Base.metadata, compare_type=True)
    with context.begin_transaction():
        context.run_migrations()


if context.is_offline_mode():
    raise SystemExit("Migrations need a database: SQL scripts are not written.")

given = context.config.attributes.get("connection")
if given is not None:
    run(given)
else:
    engine = create_store_engine(os.environ.get("LTOT_DATABASE_URL", "sqlite:///ltot.db"))
    with engine.begin() as own:
        run(own)
    engine.dispose()
