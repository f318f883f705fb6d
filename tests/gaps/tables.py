"""All tables together, by rule number."""

from tests.gaps import tables_monitoring, tables_safety, tables_screening

TABLES = dict(sorted({**tables_monitoring.TABLES, **tables_safety.TABLES, **tables_screening.TABLES}.items()))
