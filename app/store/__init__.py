"""Everything that is kept: tenants, keys, launches, entries of visits, runs, the access log. The one place with SQL."""
