{{ config(
    pre_hook="{{ lakehouse.begin_report() }}",
    incremental_strategy='delete+insert',
    unique_key='month',
) }}

with touched as ({{ lakehouse.touched('month', [ref('fct_transactions'), ref('fct_reports')]) }}),

activity as (
    select
        cast(date_trunc('month', transactions.event_time) as date) as month,
        transactions.terminal_id,
        count(*) as transactions,
        coalesce(sum(transactions.amount_eur), 0) as amount_eur,
        count(distinct transactions.customer_id) as customers,
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
    activity.terminal_id,
    versions.merchant_name,
    versions.merchant_category,
    versions.country,
    activity.transactions,
    activity.amount_eur,
    activity.customers,
    activity.reported_frauds,
    activity.loss_eur,
    activity.last_transaction_at
from activity
asof left join {{ ref('dim_terminals') }} as versions
    on activity.terminal_id = versions.terminal_id and activity.last_transaction_at > versions.valid_from
where activity.month in (select month from touched)
order by activity.month, activity.terminal_id
