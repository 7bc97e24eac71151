{{ config(
    pre_hook="{{ lakehouse.begin_seals() }}",
    partitioned_by=['year(event_time)', 'month(event_time)'],
) }}

-- A day begins when the previous day is complete: its known-at is a microsecond before its midnight. The first
-- day is the one after the first file of transactions.
with days as (
    select cast(day as timestamp) as event_time
    from generate_series(
        cast(greatest(
            {{ lakehouse.after_seal() }},
            (select min(seal) from {{ lakehouse.files_of(source('raw', 'transactions').identifier) }})
        ) as date) + 1,
        cast({{ lakehouse.upto_seal() }} as date) + 1,
        interval 1 day
    ) as series(day)
    where {{ lakehouse.in_seals("day - interval 1 microsecond") }} and {{ lakehouse.on_chosen_days('day') }}
),

spine as (
    select
        customers.customer_id * 100000 + datediff('day', date '1970-01-01', days.event_time) as customer_day_id,
        customers.customer_id,
        days.event_time,
        days.event_time - interval 1 microsecond as known_at
    from days
    inner join {{ ref('dim_customers') }} as customers
        on customers.valid_from < days.event_time
        and (customers.valid_to is null or customers.valid_to >= days.event_time)
        and not customers.is_deleted
),

loaded as ({{ lakehouse.with_load_id('spine') }})

select customer_day_id, customer_id, event_time, known_at, _load_id
from loaded
order by event_time, customer_id
