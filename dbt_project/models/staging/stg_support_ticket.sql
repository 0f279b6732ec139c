select
    ticket_id,
    account_id,
    severity,
    status = 'open' as is_open,
    cast(is_escalated as boolean) as is_escalated,
    {{ shifted("opened_at") }} as opened_at,
    {{ shifted("updated_at") }} as updated_at
from {{ source("derived", "support_tickets") }}
cross join {{ ref("stg_clock") }} as clock
