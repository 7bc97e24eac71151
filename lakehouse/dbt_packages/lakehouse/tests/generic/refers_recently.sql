{# Recent rows whose `column_name` is not a `field` of `to`. #}
{% test refers_recently(model, column_name, to, field) %}
    select {{ column_name }} from {{ model }}
    where {{ lakehouse.recently(model) }} and {{ column_name }} not in (select {{ field }} from {{ to }})
{% endtest %}
