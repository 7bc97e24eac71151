{{ config(meta={'dagster': {'ref': {'name': 'fct_reports'}}}) }}
-- Recent chargebacks whose transaction exists but has no report.
{% set reports = ref('fct_reports') %}
select chargebacks.chargeback_id, chargebacks.transaction_id
from {{ ref('stg_chargebacks') }} as chargebacks
inner join {{ ref('fct_transactions') }} as transactions using (transaction_id)
where greatest(chargebacks.known_at, transactions.known_at) > {{ lakehouse.recent_since(reports) }}
    and greatest(chargebacks.known_at, transactions.known_at)
    <= (select max(seal) from {{ reports.database }}.ops.progress where name = 'core.fct_reports')
    and transaction_id not in (select transaction_id from {{ reports }})
