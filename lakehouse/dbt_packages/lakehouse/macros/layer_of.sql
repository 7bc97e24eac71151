{#
  The schema of a node: the layer whose folder a model is in, `models/<domain>/<layer>/<name>.sql`, unless the
  model names another one. dbt asks a project's own `generate_schema_name`, which calls this.
#}
{% macro layer_of(custom_schema_name, node) -%}
    {%- if custom_schema_name -%}
        {{ custom_schema_name }}
    {%- elif node and node.resource_type == 'model' and node.fqn | length > 2 -%}
        {{ node.fqn[-2] }}
    {%- else -%}
        {{ target.schema }}
    {%- endif -%}
{%- endmacro %}
