{{ config(
    pre_hook="{{ lakehouse.begin_loads('customers') }}",
    incremental_strategy='delete+insert',
    unique_key='customer_id',
) }}
{{ lakehouse.versions(ref('stg_customers'), 'customer_id', ['birth_year', 'gender', 'country', 'segment', 'home_x', 'home_y', 'opened_at']) }}
