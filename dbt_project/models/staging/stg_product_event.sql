select
    event_id,
    product_user_id,
    feature,
    {{ shifted("occurred_at") }} as occurred_at
from {{ source("derived", "product_events") }}
cross join {{ ref("stg_clock") }} as clock
