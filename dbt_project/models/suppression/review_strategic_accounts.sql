select
    customers.billing_customer_id as key,
    'strategic_account' as reason,
    flags.since
from {{ ref("int_billing_customer") }} as customers
inner join {{ ref("stg_account_flag") }} as flags
    on customers.account_id = flags.account_id and flags.flag = 'strategic'
