{{ config(
    pre_hook="{{ lakehouse.begin_loads('orders') }}",
    partitioned_by=['year(event_time)', 'month(event_time)'],
) }}

-- the rows of the loads that this table has not processed yet
with arrived as materialized (
    select * from {{ ref('stg_orders') }}
    where {{ lakehouse.in_loads() }} and {{ lakehouse.on_chosen_days('event_time') }}
),

-- the first version of an order wins, in this increment and in history
first_versions as (
    select * from arrived
    qualify row_number() over (partition by order_id order by _load_id, _row) = 1
)

select
    order_id,
    customer_id,
    event_time,
    known_at,
    amount,
    cast(amount * 100 as bigint) as amount_cents,
    items,
    channel,
    _load_id
from first_versions
{%- if is_incremental() %}
where order_id not in (select order_id from {{ this }} where order_id in (select order_id from arrived))
{%- endif %}
order by event_time, order_id
