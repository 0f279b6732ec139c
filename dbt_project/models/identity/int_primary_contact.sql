with ranked as (
    select
        visits.account_id,
        visits.contact_id,
        row_number() over (
            partition by visits.account_id
            order by
                visits.visits desc,
                case when addresses.is_role_based_email or addresses.is_free_email then 2 else 1 end,
                case contacts.seniority
                    when 'c_suite' then 1 when 'vp' then 2 when 'director' then 3 when 'manager' then 4 else 5
                end,
                visits.contact_id
        ) as precedence
    from {{ ref("int_high_intent_visit") }} as visits
    inner join {{ ref("stg_contact") }} as contacts on visits.contact_id = contacts.contact_id
    inner join {{ ref("int_contact_address") }} as addresses on visits.contact_id = addresses.contact_id
)

select account_id, contact_id
from ranked
where precedence = 1
