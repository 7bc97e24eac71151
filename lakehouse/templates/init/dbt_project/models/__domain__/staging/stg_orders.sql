{{ config(materialized='view', contract={'enforced': false}) }}

-- The event time is capped at known-at, because the source's clock may run ahead.
select
    order_id,
    customer_id,
    least(ordered_at, known_at) as event_time,
    known_at,
    amount,
    items,
    coalesce(nullif(lower(trim(channel)), ''), 'unknown') as channel,
    _load_id,
    _row
from {{ source('raw', 'orders') }}
