{# A model's name in the form that the rest of the lake uses. #}
{% macro name_of_this() %}{{ this.schema }}.{{ this.identifier }}{% endmacro %}

{# Record the author of the open transaction: the model, its run, and dbt's own id. #}
{% macro sign() %}
    {%- set message = 'write ' ~ lakehouse.name_of_this() -%}
    {%- set extra = {
        'asset': lakehouse.name_of_this(),
        'run_id': var('run_id', ''),
        'message': message,
        'dbt_invocation_id': invocation_id,
    } -%}
    call {{ target.database }}.set_commit_message('{{ lakehouse.name_of_this() }}', '{{ message }}', extra_info => '{{ tojson(extra) }}');
{% endmacro %}
