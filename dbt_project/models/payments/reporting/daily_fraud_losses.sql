{{ config(
    pre_hook="{{ lakehouse.begin_report() }}",
    incremental_strategy='delete+insert',
    unique_key='day',
) }}
{%- set tables = [ref('fct_transactions'), ref('fct_reports'), ref('fct_labels')] %}

with touched as ({{ lakehouse.touched('day', tables) }}),

transactions as (
    select cast(event_time as date) as day, count(*) as transactions, sum(amount_eur) as amount_eur
    from {{ ref('fct_transactions') }}
    where {{ lakehouse.counts('day') }}
    group by all
),

reports as (
    select cast(event_time as date) as day, count(*) as reported_frauds, sum(amount_eur) as loss_eur
    from {{ ref('fct_reports') }}
    where {{ lakehouse.counts('day') }}
    group by all
),

labels as (
    select
        cast(event_time as date) as day,
        count(*) as settled_transactions,
        count(*) filter (where is_fraud) as settled_frauds
    from {{ ref('fct_labels') }}
    where {{ lakehouse.counts('day') }}
    group by all
)

select
    day,
    transactions,
    coalesce(amount_eur, 0) as amount_eur,
    coalesce(reported_frauds, 0) as reported_frauds,
    coalesce(loss_eur, 0) as loss_eur,
    cast(loss_eur as double) / nullif(cast(amount_eur as double), 0) as loss_share,
    coalesce(settled_transactions, 0) as settled_transactions,
    coalesce(settled_frauds, 0) as settled_frauds
from touched
inner join transactions using (day)
left join reports using (day)
left join labels using (day)
order by day
