select
    opportunities.opportunity_id as key,
    'open_escalation' as reason,
    min(tickets.opened_at) as since
from {{ ref("int_expansion_opportunity") }} as opportunities
inner join {{ ref("stg_support_ticket") }} as tickets on opportunities.account_id = tickets.account_id
where tickets.is_open and tickets.is_escalated
group by opportunities.opportunity_id
