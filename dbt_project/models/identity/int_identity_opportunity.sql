select
    opportunities.opportunity_id as key,
    crm_opportunities.salesforce_id as destination_id,
    crm_opportunities.opportunity_id as destination_key,
    'warehouse_opportunity_id' as rule
from {{ ref("int_expansion_opportunity") }} as opportunities
inner join {{ ref("stg_salesforce_opportunity") }} as crm_opportunities
    on opportunities.opportunity_id = crm_opportunities.opportunity_id
