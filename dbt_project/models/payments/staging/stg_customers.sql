{{ config(materialized='view', contract={'enforced': false}) }}

select
    cast(customer_id as bigint) as customer_id,
    op,
    cast(birth_year as integer) as birth_year,
    upper(trim(gender)) as gender,
    upper(trim(country)) as country,
    lower(trim(segment)) as segment,
    cast(home_x as double) as home_x,
    cast(home_y as double) as home_y,
    cast(opened_at as timestamp) as opened_at,
    cast(updated_at as timestamp) as updated_at,
    known_at,
    _load_id,
    _row
from {{ source('raw', 'customers') }}
where customer_id is not null
