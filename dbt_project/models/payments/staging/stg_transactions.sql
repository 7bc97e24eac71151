{{ config(materialized='view', contract={'enforced': false}) }}

-- The event time is capped at known-at, because the source's clock may run ahead.
select
    cast(transaction_id as bigint) as transaction_id,
    cast(customer_id as bigint) as customer_id,
    cast(terminal_id as bigint) as terminal_id,
    least(cast(event_time as timestamp), known_at) as event_time,
    known_at,
    cast(amount as decimal(18, 2)) as amount,
    upper(trim(currency)) as currency,
    coalesce(nullif(lower(trim(channel)), ''), 'unknown') as channel,
    _load_id,
    _row
from {{ source('raw', 'transactions') }}
where {{ valid_transaction() }}
