select
    "Id" as salesforce_id,
    "Type" as account_type,
    "Billing_Customer_ID__c" as billing_customer_id,
    "Warehouse_Account_ID__c" as warehouse_account_id,
    "OwnerId" as owner_id,
    {{ shifted('"SystemModstamp"') }} as modified_at
from {{ source("crm", "salesforce_account") }}
cross join {{ ref("stg_clock") }} as clock
where "IsDeleted" = 'false'
