select
    opportunities.opportunity_id as key,
    'legal_hold' as reason,
    flags.since
from {{ ref("int_expansion_opportunity") }} as opportunities
inner join {{ ref("stg_account_flag") }} as flags
    on opportunities.account_id = flags.account_id and flags.flag = 'legal_hold'
