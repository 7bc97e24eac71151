{#
  Data tests check rows that became known in the last 35 days of the data. So a test costs the same on a
  long history, and a broken row is reported for five weeks, not for one run. With --full-refresh they
  check every row, and always of a table that is made of static lookups alone.
#}

{# The time after which the rows of `model` are recent. #}
{% macro recent_since(model) -%}
    {%- set seal = none -%}
    {%- if execute and not flags.FULL_REFRESH -%}
        {%- set query -%}
            select max(seal) - interval 35 day from {{ model.database }}.ops.progress
            where name = '{{ model.schema }}.{{ model.identifier }}' and seal < {{ lakehouse.always() }}
        {%- endset -%}
        {%- set seal = run_query(query).columns[0].values() | first -%}
    {%- endif -%}
    timestamp '{{ seal or '0001-01-01' }}'
{%- endmacro %}

{% macro recently(model) %}known_at > {{ lakehouse.recent_since(model) }}{% endmacro %}
