{#-
  dbt's own source(), with the bundled files found from any working directory.
  DuckDB resolves a relative path from where the process runs, which is this folder only for those
  who happen to stand in it; the sources say `seeds/...` and mean this project's.
-#}
{% macro source(source_name, table_name) %}
    {%- set relation = builtins.source(source_name, table_name) -%}
    {%- if execute and relation.external -%}
        {%- set here = "('" ~ (adapter.config.project_root | replace("'", "''")) ~ "/seeds/" -%}
        {%- set relation = relation.replace(external=relation.external | replace("('seeds/", here)) -%}
    {%- endif -%}
    {{- return(relation) -}}
{% endmacro %}
