{#- build_day is a variable so that a test, or a rebuild of a past day, can name it. -#}
{%- set build_day = var("build_day", run_started_at.strftime("%Y-%m-%d")) -%}
with moments as (
    select cast(session_timestamp as timestamp) as moment from {{ source("leadforge", "sessions") }}
    union all
    select cast(closed_at as timestamp) as moment from {{ source("leadforge", "opportunities") }}
    union all
    select cast(customer_start_at as timestamp) as moment from {{ source("leadforge", "customers") }}
),

story as (
    select cast(cast(max(moment) as date) as timestamp) as ends_at from moments
)

select
    1 as clock_id,
    cast(
        {{ dbt.datediff("ends_at", "cast('" ~ build_day ~ "' as timestamp)", "day") }}
        - {{ var("stale_days") }} as integer
    ) as shift_days,
    {{ dbt.dateadd("day", "-1 * " ~ var("stale_days"), "cast('" ~ build_day ~ "' as timestamp)") }} as as_of
from story
