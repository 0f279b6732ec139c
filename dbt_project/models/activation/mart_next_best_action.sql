with ranked as (
    select
        *,
        row_number() over (partition by account_id order by precedence) as position
    from {{ ref("int_account_signal") }}
)

select
    opportunities.opportunity_id,
    opportunities.account_id,
    opportunities.contact_id,
    opportunities.estimated_acv,
    ranked.suggestion,
    ranked.feature,
    ranked.reason_code,
    consent.lawful_basis as consent_basis,
    ranked.confidence,
    ranked.sensitivity,
    ranked.seen_at as suggested_at
from {{ ref("int_expansion_opportunity") }} as opportunities
inner join ranked on opportunities.account_id = ranked.account_id and ranked.position = 1
left join {{ ref("stg_consent") }} as consent on opportunities.contact_id = consent.contact_id
