"""All tables together, by rule number."""

from tests.gaps import tables_house, tables_monitoring, tables_safety, tables_screening

_PAGES = (tables_house, tables_monitoring, tables_safety, tables_screening)
TABLES = dict(sorted((gap, rows) for page in _PAGES for gap, rows in page.TABLES.items()))
