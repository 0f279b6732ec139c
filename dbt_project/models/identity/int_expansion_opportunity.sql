with contracts as (
    select
        billing_customer_id,
        account_id,
        customer_id,
        row_number() over (partition by account_id order by arr desc, billing_customer_id) as position
    from {{ ref("int_billing_customer") }}
    where is_active
)

select
    opportunities.opportunity_id,
    leads.account_id,
    leads.contact_id,
    contracts.billing_customer_id,
    opportunities.stage,
    opportunities.estimated_acv,
    opportunities.created_at
from {{ ref("stg_opportunity") }} as opportunities
inner join {{ ref("stg_lead") }} as leads on opportunities.lead_id = leads.lead_id
inner join contracts on leads.account_id = contracts.account_id and contracts.position = 1
where opportunities.close_outcome is null
