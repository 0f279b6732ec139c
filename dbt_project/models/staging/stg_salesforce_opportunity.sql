select
    "Id" as salesforce_id,
    "Warehouse_Opportunity_ID__c" as opportunity_id,
    {{ shifted('"SystemModstamp"') }} as modified_at
from {{ source("crm", "salesforce_opportunity") }}
cross join {{ ref("stg_clock") }} as clock
where "IsDeleted" = 'false'
