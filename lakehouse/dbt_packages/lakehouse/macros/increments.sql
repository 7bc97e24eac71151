{#
  Increments: what a model has processed so far, and what it processes now.

  A model's transaction opens with `begin_loads`, `begin_seals` or `begin_report`, which put the
  increment into variables of the connection:

      after_load < load id <= upto_load      and      after_seal < known at <= upto_seal

  The model filters by `in_loads` or `in_seals` (DuckDB binds the variables as constants, so it
  does not read files without new rows), and `end_increment` records the upper ends as the model's progress
  in the same transaction. Without new rows nothing is written, and there is no snapshot. Without a hook
  (dbt compile, a unit test) the increment is everything.

  A model waits for the inputs that its SQL reads, taken from dbt's `graph`; they are not declared.

  Nothing waits for a static lookup (`complete: always`) once it is loaded, nor for a table made of such
  lookups alone: their seal in the progress table is `always`.

  With `--vars '{since: ..., until: ...}'` the increment is the part that is already processed, for these
  event days: their rows are replaced in one commit, and progress stays.
#}

{% macro progress_table() %}{{ target.database }}.ops.progress{% endmacro %}

{% macro files_of(source) -%}
    (select load_id, seal from {{ target.database }}.ops.files where source = '{{ source }}' and load_id is not null)
{%- endmacro %}

{% macro beginning() %}timestamp '0001-01-01'{% endmacro %}

{% macro always() %}timestamp '9999-12-31'{% endmacro %}

{# Whether `source` is a static lookup that is loaded. #}
{% macro is_static(source) -%}
    exists (from {{ lakehouse.progress_table() }} where name = 'raw.{{ source }}' and seal = {{ lakehouse.always() }})
{%- endmacro %}

{# Whether all `inputs` are static lookups, or tables made of such alone. #}
{% macro is_all_static(inputs) -%}
    {%- if inputs %}coalesce({{ lakehouse.sealed(inputs) }} = {{ lakehouse.always() }}, false){% else %}false{% endif -%}
{%- endmacro %}

{# The seal of the newest file of any of the `sources` up to a load. #}
{% macro newest_seal(sources, upto_load='9223372036854775807') -%}
    (select max(seal) from (select cast(null as timestamp) as seal
    {%- for source in sources %}
        union all select seal from {{ lakehouse.files_of(source) }} where load_id <= {{ upto_load }}
    {%- endfor %}
    ))
{%- endmacro %}

{# The files that a row of a model waited for: those of its `sources` without static ones, unless all are. #}
{% macro awaited_files(source, sources) -%}
    (from {{ lakehouse.files_of(source) }} where not {{ lakehouse.is_static(source) }} or {{ lakehouse.is_all_static(sources) }})
{%- endmacro %}

{# Whether chosen days are redone. #}
{% macro redoing() %}{{ return(var('since') is not none and is_incremental()) }}{% endmacro %}

{# Whether `time` is on a chosen day; true for every day when none is chosen. #}
{% macro on_chosen_days(time) -%}
    {%- if lakehouse.redoing() -%}
    ({{ time }} >= timestamp '{{ var('since') }}' and {{ time }} < timestamp '{{ var('until') or var('since') }}' + interval 1 day)
    {%- else -%}
    true
    {%- endif -%}
{%- endmacro %}

{# The time through which all `inputs` are complete, NULL if one is still empty: `core.x` is a table with progress, `x` a source. #}
{% macro sealed(inputs) -%}
    (select case when count(seal) = {{ inputs | length }} then min(seal) end from (
    {%- for input in inputs %}
        select {% if '.' in input %}max(seal) as seal from {{ lakehouse.progress_table() }} where name = '{{ input }}'
        {%- else %}case when {{ lakehouse.is_static(input) }} then {{ lakehouse.always() }} else max(seal) end as seal from {{ lakehouse.files_of(input) }}
        {%- endif %}
        {{- ' union all' if not loop.last }}
    {%- endfor %}
    ))
{%- endmacro %}

{#
  The inputs of a model, looking through views: sources (`x`) and tables with progress (`core.x`). With
  `through_tables` only the sources of all its rows. Known only when dbt executes; a unit test has no
  inputs.
#}
{% macro inputs_of(node, through_tables=false) %}
    {%- set found = [] -%}
    {%- for id in node.depends_on.nodes or [] if execute and graph.nodes -%}
        {%- set parent = graph.sources.get(id) or graph.nodes[id] -%}
        {%- if parent.resource_type == 'source' -%}
            {%- do found.append(parent.identifier) -%}
        {%- elif through_tables or parent.config.materialized != 'incremental' -%}
            {%- do found.extend(lakehouse.inputs_of(parent, through_tables)) -%}
        {%- else -%}
            {%- do found.append(parent.schema ~ '.' ~ parent.alias) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(found | unique | list) }}
{% endmacro %}

{# The sources that all rows of this model come from. #}
{% macro sources_of_this() %}{{ return(lakehouse.inputs_of(model, through_tables=true)) }}{% endmacro %}

{# Sign the transaction, read the progress, and set the start of the increment. #}
{% macro begin_increment() %}
    {{ lakehouse.sign() }}
    {# a full build ignores earlier progress, or a withdrawn seal would stay #}
    {%- set done = "name = '" ~ lakehouse.name_of_this() ~ "'" if is_incremental() else 'false' %}
    set variable done_load = (select coalesce(max(load_id), 0) from {{ lakehouse.progress_table() }} where {{ done }});
    set variable done_seal = (select coalesce(max(seal), {{ lakehouse.beginning() }}) from {{ lakehouse.progress_table() }} where {{ done }});
    {# the increment of a table that nothing waits for begins after the newest file that it has read #}
    {%- set sources = lakehouse.sources_of_this() %}
    {%- if sources %}
    set variable done_seal = case when getvariable('done_seal') < {{ lakehouse.always() }} then getvariable('done_seal')
        else coalesce({{ lakehouse.newest_seal(sources, "getvariable('done_load')") }}, {{ lakehouse.beginning() }}) end;
    {%- endif %}
    {% if is_incremental() and not lakehouse.redoing() %}
    set variable after_load = getvariable('done_load');
    set variable after_seal = getvariable('done_seal');
    {% else %}
    set variable after_load = 0;
    set variable after_seal = {{ lakehouse.beginning() }};
    {% endif %}
    {% if lakehouse.redoing() and config.get('incremental_strategy') == 'append' %}
    delete from {{ this }} where {{ lakehouse.on_chosen_days('event_time') }};
    {% endif %}
{% endmacro %}

{# Take the loads of `source` up to the point where all other inputs of the model are complete as well. #}
{% macro begin_loads(source) %}
    {{ lakehouse.begin_increment() }}
    {%- set waits_for = lakehouse.inputs_of(model) | reject('equalto', source) | list %}
    set variable upto_load = {% if lakehouse.redoing() %}getvariable('done_load'){% else -%} (
        select greatest(coalesce(max(load_id), 0), getvariable('done_load')) from {{ lakehouse.files_of(source) }}
        {%- if waits_for %} where seal <= {{ lakehouse.sealed(waits_for) }}{% endif %}
    ){% endif %};
    set variable upto_seal = (select max(seal) from {{ lakehouse.files_of(source) }} where load_id <= getvariable('upto_load'));
    set variable is_static = {{ lakehouse.is_all_static([source] + waits_for) }};
{% endmacro %}

{# Take the rows that became known up to the time through which all inputs of the model are complete. #}
{% macro begin_seals() %}
    {{ lakehouse.begin_increment() }}
    {%- set inputs = lakehouse.inputs_of(model) %}
    {%- set sources = lakehouse.sources_of_this() %}
    {%- if execute and not inputs %}
        {{ exceptions.raise_compiler_error(lakehouse.name_of_this() ~ ' reads no source and no incremental table, so its increment has nothing to wait for: read one by `source` or `ref`') }}
    {%- endif %}
    set variable is_static = {{ lakehouse.is_all_static(inputs) }};
    set variable upto_seal = {% if lakehouse.redoing() %}getvariable('done_seal'){% else -%}
        greatest(getvariable('done_seal'), coalesce(
            case when getvariable('is_static') then {{ lakehouse.newest_seal(sources) }} else {{ lakehouse.sealed(inputs) }} end,
            {{ lakehouse.beginning() }}
        ))
    {%- endif %};
    set variable upto_load = (select greatest(getvariable('done_load')
        {%- for source in sources %}, (select case when getvariable('is_static') then max(load_id) else min(load_id) filter (seal >= getvariable('upto_seal')) end from {{ lakehouse.awaited_files(source, sources) }}){% endfor %}));
{% endmacro %}

{#
  Like `begin_seals`, for a summary: also find the first event whose period the new rows of its facts touch.
  Facts are the inputs with the columns `event_time` and `known_at`.
#}
{% macro begin_report() %}
    {{ lakehouse.begin_seals() }}
    {%- set inputs, facts = lakehouse.inputs_of(model), [] %}
    {%- for node in (graph.nodes or {}).values() if execute and node.resource_type == 'model' %}
        {%- set name = node.schema ~ '.' ~ node.alias %}
        {%- if name in inputs and 'event_time' in node.columns and 'known_at' in node.columns %}
            {%- do facts.append(name) %}
        {%- endif %}
    {%- endfor %}
    {%- if execute and inputs and not facts %}
        {{ exceptions.raise_compiler_error(lakehouse.name_of_this() ~ ' summarizes no table with the columns event_time and known_at') }}
    {%- endif %}
    set variable first_event = (select min(event_time) from (
    {%- for input in facts %}
        select event_time from {{ target.database }}.{{ input }} where {{ lakehouse.in_seals('known_at') }} and {{ lakehouse.on_chosen_days('event_time') }}
        {{- ' union all' if not loop.last }}
    {%- endfor %}
    ));
{% endmacro %}

{% macro after_seal() %}coalesce(getvariable('after_seal'), {{ lakehouse.beginning() }}){% endmacro %}

{% macro upto_seal() %}coalesce(getvariable('upto_seal'), timestamp '9999-12-31'){% endmacro %}

{% macro upto_load() %}coalesce(getvariable('upto_load'), 9223372036854775807){% endmacro %}

{% macro in_loads() -%}
    (_load_id > coalesce(getvariable('after_load'), 0) and _load_id <= {{ lakehouse.upto_load() }})
{%- endmacro %}

{% macro in_seals(known_at) -%}
    ({{ known_at }} > {{ lakehouse.after_seal() }} and {{ known_at }} <= {{ lakehouse.upto_seal() }})
{%- endmacro %}

{# The periods (`day` or `month`) with rows that became known in this increment. #}
{% macro touched(period, tables) -%}
    {%- for table in tables %}
    select distinct cast(date_trunc('{{ period }}', event_time) as date) as {{ period }} from {{ table }}
    where {{ lakehouse.in_seals('known_at') }} and {{ lakehouse.on_chosen_days('event_time') }}
    {{- ' union' if not loop.last }}
    {%- endfor %}
{%- endmacro %}

{# Whether a row counts in a summary of touched periods: it is not before the first period, and it was known. #}
{% macro counts(period, alias='') -%}
    {{ alias }}event_time >= coalesce(date_trunc('{{ period }}', getvariable('first_event')), {{ lakehouse.beginning() }})
        and {{ alias }}known_at <= {{ lakehouse.upto_seal() }}
{%- endmacro %}

{#
  `rows` with the load that made each row visible: the last of the loads that completed the model's
  sources through the row's known-at. So load ids grow with every increment, and depend on the files
  alone. A unit test has no loads.
#}
{% macro with_load_id(rows) %}
    {%- set sources = lakehouse.sources_of_this() %}
    select
        {{ rows }}.*,
        {% if sources %}greatest({% for source in sources %}load_{{ source }}.load_id{{ ', ' if not loop.last }}{% endfor %}){% else %}cast(null as bigint){% endif %} as _load_id
    from {{ rows }}
    {%- for source in sources %}
    asof left join (select seal, min(load_id) as load_id from {{ lakehouse.awaited_files(source, sources) }} group by seal) as load_{{ source }}
        on {{ rows }}.known_at <= load_{{ source }}.seal
    {%- endfor %}
{% endmacro %}

{# Record the progress of this model, if it moved. #}
{% macro end_increment() %}
    set variable complete_until = case when getvariable('is_static') then {{ lakehouse.always() }} else getvariable('upto_seal') end;
    set variable moved = (
        getvariable('upto_seal') > {{ lakehouse.beginning() }} and not exists (
            from {{ lakehouse.progress_table() }} where name = '{{ lakehouse.name_of_this() }}'
                and load_id = getvariable('upto_load') and seal = getvariable('complete_until')
        )
    );
    delete from {{ lakehouse.progress_table() }} where name = '{{ lakehouse.name_of_this() }}' and getvariable('moved');
    insert into {{ lakehouse.progress_table() }}
    select '{{ lakehouse.name_of_this() }}', getvariable('upto_load'), getvariable('complete_until'), current_localtimestamp()
    where getvariable('moved');
{% endmacro %}
