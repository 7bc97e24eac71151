{{ config(meta={'dagster': {'ref': {'name': 'fct_labels'}}}) }}
-- Transactions whose label settled recently and is missing, and labels that should not exist.
{% set labels = ref('fct_labels') %}
{% set maturity = 'to_microseconds(' ~ var('payments_label_maturity_us') ~ ')' %}
with due as (
    select transaction_id, greatest(known_at, event_time + {{ maturity }}) as settled_at
    from {{ ref('fct_transactions') }}
    where known_at > {{ lakehouse.recent_since(labels) }} - {{ maturity }}
),

settled as (
    select * from due
    where settled_at > {{ lakehouse.recent_since(labels) }}
        and settled_at <= (select max(seal) from {{ labels.database }}.ops.progress where name = 'core.fct_labels')
),

labelled as (select transaction_id, known_at as settled_at from {{ labels }} where {{ lakehouse.recently(labels) }})

(from settled except all from labelled)
union all
(from labelled except all from settled)
