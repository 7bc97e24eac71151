{#
  Views that commit only when their text changed, and then once. dbt's own materialization renames and
  drops, in two commits per run. The view's comment stores a hash of the text.
#}
{% materialization lakehouse_view, adapter='duckdb' %}
    {%- set relation = this.incorporate(type='view') -%}
    {%- set fingerprint = local_md5(sql) -%}
    {%- set known -%}
        select 1 from duckdb_views()
        where database_name = '{{ target.database }}' and schema_name = '{{ this.schema }}'
            and view_name = '{{ this.identifier }}' and comment = '{{ fingerprint }}'
    {%- endset -%}
    {% if run_query(known) | length > 0 and not should_full_refresh() %}
        {% call noop_statement('main', 'UNCHANGED') %}{{ sql }}{% endcall %}
    {% else %}
        {% if config.get('contract').enforced %}{{ get_assert_columns_equivalent(sql) }}{% endif %}
        {% call statement('main') %}
            {{ lakehouse.sign() }}
            create or replace view {{ relation }} as ({{ sql }});
            comment on view {{ relation }} is '{{ fingerprint }}';
        {% endcall %}
        {% do adapter.commit() %}
    {% endif %}
    {{ return({'relations': [relation]}) }}
{% endmaterialization %}
