"""Lakehouse: raw sources, dbt tables, feature sets and models as assets of one lineage graph."""
