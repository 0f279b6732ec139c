select
    customer_id,
    stage,
    {{ shifted("opened_at") }} as opened_at
from {{ source("derived", "renewals") }}
cross join {{ ref("stg_clock") }} as clock
