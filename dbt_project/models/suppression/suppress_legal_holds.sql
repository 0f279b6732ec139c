select
    users.product_user_id as key,
    'legal_hold' as reason,
    flags.since
from {{ ref("int_product_user") }} as users
inner join {{ ref("stg_account_flag") }} as flags
    on users.account_id = flags.account_id and flags.flag = 'legal_hold'
