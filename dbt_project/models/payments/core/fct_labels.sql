{{ config(
    pre_hook="{{ lakehouse.begin_seals() }}",
    partitioned_by=['year(event_time)', 'month(event_time)'],
) }}
{%- set maturity = 'to_microseconds(' ~ var('payments_label_maturity_us') ~ ')' %}

-- A label settles when its maturity has passed, or when the transaction arrives if that is later. Its value is
-- whether the first report came within the maturity of the event, however late the transaction arrived: a later
-- report is in fct_reports and changes no label.
with settled as (
    select *, greatest(known_at, event_time + {{ maturity }}) as settled_at
    from {{ ref('fct_transactions') }}
    where event_time > {{ lakehouse.after_seal() }} - {{ maturity }}
        and event_time <= {{ lakehouse.upto_seal() }} - {{ maturity }}
        and known_at <= {{ lakehouse.upto_seal() }}

    union all

    select *, known_at as settled_at
    from {{ ref('fct_transactions') }}
    where {{ lakehouse.in_seals('known_at') }} and event_time <= {{ lakehouse.after_seal() }} - {{ maturity }}
),

labels as (
    select
        settled.* exclude (known_at, _load_id, settled_at),
        settled.settled_at as known_at,
        coalesce(reports.reported_at <= settled.event_time + {{ maturity }}, false) as is_fraud,
        case when is_fraud then reports.fraud_kind end as fraud_kind
    from settled
    left join {{ ref('fct_reports') }} as reports using (transaction_id)
    where {{ lakehouse.on_chosen_days('settled.event_time') }}
),

loaded as ({{ lakehouse.with_load_id('labels') }})

select
    transaction_id,
    customer_id,
    terminal_id,
    event_time,
    known_at,
    is_fraud,
    fraud_kind,
    amount_cents,
    _load_id
from loaded
order by event_time, transaction_id
