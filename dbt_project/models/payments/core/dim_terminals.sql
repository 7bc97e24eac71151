{{ config(
    pre_hook="{{ begin_loads('terminals') }}",
    incremental_strategy='delete+insert',
    unique_key='terminal_id',
) }}
{{ versions(ref('stg_terminals'), 'terminal_id', ['merchant_name', 'merchant_category', 'country', 'x', 'y']) }}
