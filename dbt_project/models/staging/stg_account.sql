select
    account_id,
    company_name,
    industry,
    region,
    employee_band,
    {{ shifted("created_at") }} as created_at
from {{ source("leadforge", "accounts") }}
cross join {{ ref("stg_clock") }} as clock
