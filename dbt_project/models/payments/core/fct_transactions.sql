{{ config(
    pre_hook="{{ lakehouse.begin_loads('transactions') }}",
    partitioned_by=['year(event_time)', 'month(event_time)'],
) }}

with arrived as materialized (
    select * from {{ ref('stg_transactions') }}
    where {{ lakehouse.in_loads() }} and {{ lakehouse.on_chosen_days('event_time') }}
),

-- the first version of a transaction wins, in this increment and in history
first_versions as (
    select * from arrived
    qualify row_number() over (partition by transaction_id order by _load_id, _row) = 1
),

{% if is_incremental() -%}
kept_before as (
    select transaction_id from {{ this }}
    where transaction_id in (select transaction_id from arrived)
),
{%- endif %}

priced as (
    select
        first_versions.*,
        cast(
            case currency when 'EUR' then amount else round(amount * rates.rate, 2) end as decimal(18, 2)
        ) as amount_eur
    from first_versions
    asof left join (select currency as rate_currency, known_at as rate_known_at, rate from {{ ref('stg_exchange_rates') }}) as rates
        on currency = rate_currency and event_time > rate_known_at
    {%- if is_incremental() %}
    where transaction_id not in (from kept_before)
    {%- endif %}
)

select
    transaction_id,
    customer_id,
    terminal_id,
    event_time,
    known_at,
    amount,
    currency,
    amount_eur,
    cast(amount_eur * 100 as bigint) as amount_cents,
    channel,
    _load_id
from priced
order by event_time, transaction_id
