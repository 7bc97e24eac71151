{# A model's name as the rest of the lake writes it. #}
{% macro name_of_this() %}{{ this.schema }}.{{ this.identifier }}{% endmacro %}

{# Name the author of the open transaction: the model, the run that it belongs to, and dbt's own id. #}
{% macro sign() %}
    {%- set message = 'write ' ~ name_of_this() -%}
    {%- set extra = {
        'asset': name_of_this(),
        'run_id': var('run_id', ''),
        'message': message,
        'dbt_invocation_id': invocation_id,
    } -%}
    call {{ target.database }}.set_commit_message('{{ name_of_this() }}', '{{ message }}', extra_info => '{{ tojson(extra) }}');
{% endmacro %}
