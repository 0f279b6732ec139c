select
    contact_id,
    email_status,
    lawful_basis,
    {{ shifted("updated_at") }} as updated_at
from {{ source("derived", "consent") }}
cross join {{ ref("stg_clock") }} as clock
