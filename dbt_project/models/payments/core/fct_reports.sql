{{ config(
    pre_hook="{{ lakehouse.begin_seals() }}",
    partitioned_by=['year(event_time)', 'month(event_time)'],
) }}

-- A report and its transaction may arrive in either order: the report is known when both are there. In an
-- increment either the report is new, or an earlier report waited for a new transaction.
with new_chargebacks as materialized (
    select * from {{ ref('stg_chargebacks') }}
    where {{ lakehouse.in_seals('known_at') }}
),

matched as (
    select
        transactions.* exclude (known_at, _load_id),
        greatest(transactions.known_at, chargebacks.known_at) as known_at,
        chargebacks.chargeback_id,
        chargebacks.fraud_kind,
        chargebacks._load_id as chargeback_load_id,
        chargebacks._row as chargeback_row,
        chargebacks.known_at as reported_at
    from {{ ref('fct_transactions') }} as transactions
    inner join new_chargebacks as chargebacks using (transaction_id)
    where transactions.known_at <= {{ lakehouse.upto_seal() }}

    union all

    select
        transactions.* exclude (known_at, _load_id),
        transactions.known_at,
        chargebacks.chargeback_id,
        chargebacks.fraud_kind,
        chargebacks._load_id,
        chargebacks._row,
        chargebacks.known_at
    from {{ ref('fct_transactions') }} as transactions
    inner join {{ ref('stg_chargebacks') }} as chargebacks using (transaction_id)
    where {{ lakehouse.in_seals('transactions.known_at') }} and chargebacks.known_at <= {{ lakehouse.after_seal() }}
),

-- one row per transaction that was fraud: its first report
first_reports as (
    select * from matched
    where {{ lakehouse.on_chosen_days('event_time') }}
    qualify row_number() over (
        partition by transaction_id order by known_at, reported_at, chargeback_load_id, chargeback_row
    ) = 1
),

fresh as (
    select * from first_reports
    {%- if is_incremental() %}
    where transaction_id not in (
        select transaction_id from {{ this }} where transaction_id in (select transaction_id from first_reports)
    )
    {%- endif %}
),

loaded as ({{ lakehouse.with_load_id('fresh') }})

select
    transaction_id,
    chargeback_id,
    customer_id,
    terminal_id,
    event_time,
    reported_at,
    known_at,
    fraud_kind,
    amount_eur,
    amount_cents,
    _load_id
from loaded
order by event_time, transaction_id
