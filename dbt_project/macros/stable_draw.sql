{#-
  A number in [0, 1) from a key and a name: the same on every build and every engine.
  The md5's first eight hex digits are read as a fraction with position() and plain arithmetic,
  because engines disagree on how to cast hex text to a number.
-#}
{% macro stable_draw(key, name) -%}
{%- set digest = dbt.hash(dbt.concat([key, "'/" ~ name ~ "'"])) -%}
cast(
    {%- for place in range(1, 9) %}
    {{ "+ " if not loop.first }}({{ dbt.position("substr(" ~ digest ~ ", " ~ place ~ ", 1)", "'0123456789abcdef'") }} - 1) / {{ 16 ** place }}.0
    {%- endfor %} as double
)
{%- endmacro %}
