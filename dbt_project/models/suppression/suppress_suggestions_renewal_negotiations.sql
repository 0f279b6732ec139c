select
    opportunities.opportunity_id as key,
    'renewal_negotiation' as reason,
    min(renewals.opened_at) as since
from {{ ref("int_expansion_opportunity") }} as opportunities
inner join {{ ref("stg_customer") }} as customers on opportunities.account_id = customers.account_id
inner join {{ ref("stg_renewal") }} as renewals on customers.customer_id = renewals.customer_id
where renewals.stage = 'negotiation'
group by opportunities.opportunity_id
