{# A model's name as the rest of the lake writes it. #}
{% macro name_of_this() %}{{ this.schema }}.{{ this.identifier }}{% endmacro %}

{# Name the author of the open transaction: the model, RUN_ID of whoever started dbt, and dbt's own id. #}
{% macro sign() %}
    {%- set message = 'write ' ~ name_of_this() -%}
    {%- set extra = {
        'asset': name_of_this(),
        'run_id': env_var('RUN_ID', ''),
        'message': message,
        'dbt_invocation_id': invocation_id,
    } -%}
    call {{ target.database }}.set_commit_message('{{ name_of_this() }}', '{{ message }}', extra_info => '{{ tojson(extra) }}');
{% endmacro %}
