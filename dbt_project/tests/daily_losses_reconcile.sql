{{ config(meta={'dagster': {'ref': {'name': 'daily_fraud_losses'}}}) }}
-- Days of the last five weeks whose row count or euro amount differs from the facts that were complete then.
{% set losses = ref('daily_fraud_losses') %}
with progress as (
    select max(seal) as seal from {{ losses.database }}.ops.progress where name = 'reporting.daily_fraud_losses'
),

facts as (
    select cast(event_time as date) as day, count(*) as transactions, coalesce(sum(amount_eur), 0) as amount_eur
    from {{ ref('fct_transactions') }}
    where known_at <= (select seal from progress)
        and event_time >= (select date_trunc('day', seal - interval 35 day) from progress)
    group by all
)

select * from facts
full join {{ losses }} as losses using (day)
where day >= (select cast(seal - interval 35 day as date) from progress)
    and (facts.transactions, facts.amount_eur) is distinct from (losses.transactions, losses.amount_eur)
