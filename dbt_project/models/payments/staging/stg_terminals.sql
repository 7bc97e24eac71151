{{ config(materialized='view', contract={'enforced': false}) }}

select
    cast(terminal_id as bigint) as terminal_id,
    op,
    trim(merchant_name) as merchant_name,
    lower(trim(merchant_category)) as merchant_category,
    upper(trim(country)) as country,
    cast(x as double) as x,
    cast(y as double) as y,
    cast(opened_at as timestamp) as opened_at,
    cast(updated_at as timestamp) as updated_at,
    known_at,
    _load_id,
    _row
from {{ source('raw', 'terminals') }}
where terminal_id is not null
