{#-
  For keys of several columns: fails with every combination that more than one row has, and with
  every one that lacks a part, because nothing could be looked up by it.
-#}
{% test one_row_per(model, columns) %}
select {{ columns | join(", ") }}, count(*) as row_count
from {{ model }}
group by {{ columns | join(", ") }}
having count(*) > 1 or {{ columns | join(" is null or ") }} is null
{% endtest %}
