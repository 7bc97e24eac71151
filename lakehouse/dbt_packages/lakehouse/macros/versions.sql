{#
  History from change rows (`op` is upsert or delete): one row per version of `key`, valid from its known-at
  until the known-at of the next. A delete is a version too (`is_deleted`) with NULL attributes, so that a
  reader of the latest version needs no special case. A change that is not newer than the known state is
  ignored, and so is a delete of a key that does not exist; of changes with the same known-at only the last
  was ever visible.
#}
{% macro versions(changes, key, attributes) %}
with changed as (
    select * from {{ changes }}
    where {{ lakehouse.in_loads_of_key(changes, key) }}
),

newer_changes as (
    select * from changed
    qualify op = 'delete' or updated_at > coalesce(
        max(updated_at) filter (where op = 'upsert') over (
            partition by {{ key }} order by known_at, _load_id, _row
            rows between unbounded preceding and 1 preceding
        ),
        timestamp '0001-01-01'
    )
),

seen as (
    select * from newer_changes
    qualify row_number() over (partition by {{ key }}, known_at order by _load_id desc, _row desc) = 1
),

effective as (
    select * from seen
    qualify op = 'upsert' or coalesce(lag(op) over (partition by {{ key }} order by known_at) = 'upsert', false)
),

spans as (
    select *, lead(known_at) over (partition by {{ key }} order by known_at) as valid_to
    from effective
)

select
    {{ key }},
    cast(row_number() over (partition by {{ key }} order by known_at) as bigint) as version,
    known_at as valid_from,
    valid_to,
    valid_to is null and op = 'upsert' as is_current,
    op = 'delete' as is_deleted,
    {%- for attribute in attributes %}
    case when op = 'upsert' then {{ attribute }} end as {{ attribute }},
    {%- endfor %}
    updated_at,
    known_at,
    _load_id
from spans
order by {{ key }}, valid_from
{% endmacro %}

{# All rows, up to this increment's end, of the keys that changed in the increment. #}
{% macro in_loads_of_key(changes, key) -%}
    {{ key }} in (select {{ key }} from {{ changes }} where {{ lakehouse.in_loads() }})
        and _load_id <= {{ lakehouse.upto_load() }}
{%- endmacro %}
