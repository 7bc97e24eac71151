{# What dbt takes from the project itself, never from a package. #}

{# The layer is the folder of a model, `models/<domain>/<layer>/<name>.sql`, without the target's name as a prefix. #}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ lakehouse.layer_of(custom_schema_name, node) }}
{%- endmacro %}

{% materialization view, adapter='duckdb' %}
    {{ return(lakehouse.materialization_lakehouse_view_duckdb()) }}
{% endmaterialization %}
