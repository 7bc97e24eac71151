{# Whether a raw transaction is usable. The amount may be zero: a card verification. #}
{% macro valid_transaction() -%}
    transaction_id is not null
    and customer_id is not null
    and terminal_id is not null
    and event_time is not null
    and coalesce(amount >= 0, false)
    and coalesce(regexp_full_match(upper(trim(currency)), '[A-Z]{3}'), false)
{%- endmacro %}
