{# Recent rows for which `expression` is not true. #}
{% test holds_recently(model, expression) %}
    select * from {{ model }}
    where {{ lakehouse.recently(model) }} and not coalesce({{ expression }}, false)
{% endtest %}
