{{ config(materialized='view', contract={'enforced': false}) }}

select
    cast(chargeback_id as bigint) as chargeback_id,
    cast(transaction_id as bigint) as transaction_id,
    known_at,
    lower(trim(fraud_kind)) as fraud_kind,
    _load_id,
    _row
from {{ source('raw', 'chargebacks') }}
where chargeback_id is not null and transaction_id is not null
