{#-
  A table that `activation export-ledger` writes, or nothing in its shape where it was never run.
  A source that is not there would break the first build; its columns and types are those that
  the source describes, so that they are written down once.
-#}
{% macro ledger_table(name) -%}
    {%- set relation = source("activation", name) -%}
    {%- if not execute or relation.is_cte or load_relation(relation) is not none -%}
        {{ relation }}
    {%- else -%}
        {%- set of_ours = graph.sources.values() | selectattr("source_name", "equalto", "activation") -%}
        {%- set described = of_ours | selectattr("name", "equalto", name) | first -%}
        (
            select
                {%- for column in described.columns.values() %}
                cast(null as {{ column.data_type }}) as {{ adapter.quote(column.name) }}{{ "," if not loop.last }}
                {%- endfor %}
            where 1 = 0
        )
    {%- endif -%}
{%- endmacro %}
