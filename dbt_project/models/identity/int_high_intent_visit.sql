select
    leads.account_id,
    leads.contact_id,
    cast(count(*) as integer) as visits,
    cast(sum(sessions.pricing_page_views) as integer) as pricing_page_views,
    max(sessions.visited_at) as last_visited_at
from {{ ref("stg_session") }} as sessions
inner join {{ ref("stg_lead") }} as leads on sessions.lead_id = leads.lead_id
left join {{ ref("stg_customer") }} as customers on leads.account_id = customers.account_id
cross join {{ ref("stg_clock") }} as clock
where
    customers.account_id is null
    and sessions.session_type in ('pricing_page', 'demo_page')
    and sessions.visited_at > {{ dbt.dateadd("day", -30, "clock.as_of") }}
group by leads.account_id, leads.contact_id
