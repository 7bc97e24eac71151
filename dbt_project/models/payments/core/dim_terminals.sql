{{ config(
    pre_hook="{{ lakehouse.begin_loads('terminals') }}",
    incremental_strategy='delete+insert',
    unique_key='terminal_id',
) }}
{{ lakehouse.versions(ref('stg_terminals'), 'terminal_id', ['merchant_name', 'merchant_category', 'country', 'x', 'y', 'opened_at']) }}
