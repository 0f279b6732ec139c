select
    accounts.account_id as key,
    crm_accounts.salesforce_id as destination_id,
    crm_accounts.warehouse_account_id as destination_key,
    'warehouse_account_id' as rule
from {{ ref("stg_account") }} as accounts
inner join {{ ref("stg_salesforce_account") }} as crm_accounts
    on accounts.account_id = crm_accounts.warehouse_account_id
