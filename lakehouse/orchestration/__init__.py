"""Where sources, dbt, features and models meet Dagster. The only package that imports it."""
