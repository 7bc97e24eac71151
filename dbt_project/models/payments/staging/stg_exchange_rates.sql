{{ config(materialized='view', contract={'enforced': false}) }}

-- Euro per unit. The first version of a day's rate wins, and a rate that arrives after the rate of a later
-- day is stale and dropped: so the latest known row is the latest rate.
with valid as (
    select
        upper(trim(currency)) as currency,
        cast("date" as date) as rate_date,
        cast(rate as decimal(18, 8)) as rate,
        known_at,
        _load_id,
        _row
    from {{ source('raw', 'exchange_rates') }}
    where currency is not null and "date" is not null and coalesce(rate > 0, false)
),

newer_rates as (
    select * from valid
    qualify rate_date > coalesce(
        max(rate_date) over (
            partition by currency order by known_at, _load_id, _row
            rows between unbounded preceding and 1 preceding
        ),
        date '0001-01-01'
    )
)

select * from newer_rates
qualify row_number() over (partition by currency, known_at order by rate_date desc) = 1
