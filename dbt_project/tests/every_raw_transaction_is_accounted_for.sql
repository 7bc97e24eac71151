{{ config(meta={'dagster': {'ref': {'name': 'fct_transactions'}}}) }}
-- Usable raw rows whose transaction is not in core, and rows of core that are not in raw. Together with unique
-- keys this proves that no row is lost or duplicated.
{% set transactions = ref('fct_transactions') %}
with usable as (
    select transaction_id, _load_id from {{ source('raw', 'transactions') }}
    where {{ lakehouse.recently(transactions) }} and {{ valid_transaction() }}
        and _load_id <= (select max(load_id) from {{ transactions.database }}.ops.progress where name = 'core.fct_transactions')
)

select transaction_id, _load_id, 'lost' as problem from usable
where transaction_id not in (
    select transaction_id from {{ transactions }} where transaction_id in (select transaction_id from usable)
)
union all
select transaction_id, _load_id, 'not in raw' as problem from {{ transactions }}
where {{ lakehouse.recently(transactions) }} and (transaction_id, _load_id) not in (select (transaction_id, _load_id) from usable)
