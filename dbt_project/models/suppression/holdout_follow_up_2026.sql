select
    account_id as key,
    {{ stable_draw("account_id", "follow_up_2026") }} as draw
from {{ ref("int_primary_contact") }}
