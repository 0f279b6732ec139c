select
    session_id,
    lead_id,
    session_type,
    cast(pricing_page_views as integer) as pricing_page_views,
    cast(demo_page_views as integer) as demo_page_views,
    {{ shifted("session_timestamp") }} as visited_at
from {{ source("leadforge", "sessions") }}
cross join {{ ref("stg_clock") }} as clock
