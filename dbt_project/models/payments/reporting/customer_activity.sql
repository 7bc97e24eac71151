{{ config(
    pre_hook="{{ lakehouse.begin_report() }}",
    incremental_strategy='delete+insert',
    unique_key='month',
) }}

with touched as ({{ lakehouse.touched('month', [ref('fct_transactions'), ref('fct_reports')]) }}),

activity as (
    select
        cast(date_trunc('month', transactions.event_time) as date) as month,
        transactions.customer_id,
        count(*) as transactions,
        coalesce(sum(transactions.amount_eur), 0) as amount_eur,
        count(distinct transactions.terminal_id) as terminals,
        count(distinct cast(transactions.event_time as date)) as active_days,
        count(reports.transaction_id) as reported_frauds,
        coalesce(sum(reports.amount_eur), 0) as loss_eur,
        max(transactions.event_time) as last_transaction_at
    from {{ ref('fct_transactions') }} as transactions
    left join (
        select transaction_id, amount_eur from {{ ref('fct_reports') }} where {{ lakehouse.counts('month') }}
    ) as reports using (transaction_id)
    where {{ lakehouse.counts('month', 'transactions.') }}
    group by all
)

-- attributes as known at the last transaction of the month
select
    activity.month,
    activity.customer_id,
    versions.segment,
    versions.country,
    activity.transactions,
    activity.amount_eur,
    activity.terminals,
    activity.active_days,
    activity.reported_frauds,
    activity.loss_eur,
    activity.last_transaction_at
from activity
asof left join {{ ref('dim_customers') }} as versions
    on activity.customer_id = versions.customer_id and activity.last_transaction_at > versions.valid_from
where activity.month in (select month from touched)
order by activity.month, activity.customer_id
