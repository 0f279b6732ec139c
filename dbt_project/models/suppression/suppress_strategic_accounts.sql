select
    users.product_user_id as key,
    'sales_owned_strategic_account' as reason,
    flags.since
from {{ ref("int_product_user") }} as users
inner join {{ ref("stg_account_flag") }} as flags
    on users.account_id = flags.account_id and flags.flag = 'strategic'
where flags.owned_by = 'sales'
