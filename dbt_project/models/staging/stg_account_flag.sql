select
    account_id,
    flag,
    owned_by,
    {{ shifted("since") }} as since
from {{ source("derived", "account_flags") }}
cross join {{ ref("stg_clock") }} as clock
