select
    lead_id,
    contact_id,
    account_id,
    owner_rep_id,
    {{ shifted("lead_created_at") }} as created_at
from {{ source("leadforge", "leads") }}
cross join {{ ref("stg_clock") }} as clock
