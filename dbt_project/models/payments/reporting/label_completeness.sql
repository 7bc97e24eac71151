{{ config(materialized='view') }}

-- How many of a month's fraud reports had arrived n days after the transaction.
with delays as (
    select
        cast(date_trunc('month', event_time) as date) as month,
        reported_at - event_time as delay
    from {{ ref('fct_reports') }}
)

select
    delays.month,
    cast(horizon.days as integer) as days,
    count(*) as reports,
    count(*) filter (where delays.delay <= to_days(horizon.days)) as arrived,
    count(*) filter (where delays.delay <= to_days(horizon.days)) / count(*) as share
from delays
cross join (select unnest([1, 2, 3, 5, 7, 10, 14, 21, 30, 45, 60]) as days) as horizon
group by all
