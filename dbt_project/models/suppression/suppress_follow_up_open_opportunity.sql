select
    leads.account_id as key,
    'open_opportunity' as reason,
    min(opportunities.created_at) as since
from {{ ref("stg_opportunity") }} as opportunities
inner join {{ ref("stg_lead") }} as leads on opportunities.lead_id = leads.lead_id
cross join {{ ref("stg_clock") }} as clock
where
    opportunities.close_outcome is null
    and opportunities.created_at > {{ dbt.dateadd("day", -60, "clock.as_of") }}
group by leads.account_id
