select
    primaries.account_id as key,
    'unsubscribed' as reason,
    consent.updated_at as since
from {{ ref("int_primary_contact") }} as primaries
inner join {{ ref("stg_consent") }} as consent
    on primaries.contact_id = consent.contact_id and consent.email_status = 'unsubscribed'
