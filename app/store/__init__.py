"""Everything that is kept: tenants, keys, launches and the access log. The only place that speaks SQL."""
