{# Keys of recent rows that are in the table more than once. #}
{% test unique_recently(model, columns) %}
    {%- set key = columns | join(', ') %}
    select {{ key }}, count(*) as rows
    from {{ model }}
    where ({{ key }}) in (select ({{ key }}) from {{ model }} where {{ lakehouse.recently(model) }})
    group by {{ key }}
    having count(*) > 1
{% endtest %}
