select
    owner_id,
    role,
    cast(is_active as boolean) as is_active
from {{ source("derived", "owners") }}
