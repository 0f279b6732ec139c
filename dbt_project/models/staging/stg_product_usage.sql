select
    account_id,
    {{ shifted("measured_at") }} as measured_at,
    cast(active_users as integer) as active_users,
    cast(events as integer) as events
from {{ source("derived", "product_usage") }}
cross join {{ ref("stg_clock") }} as clock
