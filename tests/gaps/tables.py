"""All tables together, by rule number."""

from datetime import date

from tests.gaps import (
    tables_dose,
    tables_fills,
    tables_house,
    tables_monitoring,
    tables_safety,
    tables_screening,
    tables_urine,
    tables_visits,
)
from tests.gaps.build import AS_OF

_PAGES = (
    tables_dose, tables_fills, tables_house, tables_monitoring, tables_safety, tables_screening, tables_urine,
    tables_visits,
)  # fmt: skip
TABLES = dict(sorted((gap, rows) for page in _PAGES for gap, rows in page.TABLES.items()))
# The days written in the rows are counted from this one.
assert date(2025, 6, 15) == AS_OF
