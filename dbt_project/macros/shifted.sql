{#- A moment or day of the bundled story, moved to where stg_clock puts it. -#}
{% macro shifted(column, type="timestamp") -%}
cast({{ dbt.dateadd("day", "clock.shift_days", "cast(" ~ column ~ " as timestamp)") }} as {{ type }})
{%- endmacro %}
