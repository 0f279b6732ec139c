select
    hs_object_id as hubspot_id,
    warehouse_contact_id,
    product_user_id,
    lifecyclestage as lifecycle_stage,
    {{ shifted("lastmodifieddate") }} as modified_at
from {{ source("crm", "hubspot_contact") }}
cross join {{ ref("stg_clock") }} as clock
