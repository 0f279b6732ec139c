select
    opportunities.opportunity_id as key,
    case when consent.email_status = 'unsubscribed' then 'unsubscribed' else 'no_lawful_basis' end as reason,
    consent.updated_at as since
from {{ ref("int_expansion_opportunity") }} as opportunities
left join {{ ref("stg_consent") }} as consent on opportunities.contact_id = consent.contact_id
where consent.lawful_basis is null or consent.email_status = 'unsubscribed'
