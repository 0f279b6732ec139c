select
    opportunity_id,
    lead_id,
    stage,
    close_outcome,
    cast(estimated_acv as integer) as estimated_acv,
    {{ shifted("created_at") }} as created_at,
    {{ shifted("closed_at") }} as closed_at
from {{ source("leadforge", "opportunities") }}
cross join {{ ref("stg_clock") }} as clock
