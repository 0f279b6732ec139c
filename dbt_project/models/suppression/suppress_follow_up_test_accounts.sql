select
    account_id as key,
    'test_account' as reason,
    since
from {{ ref("stg_account_flag") }}
where flag = 'test_account'
