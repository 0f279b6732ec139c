select
    users.product_user_id as key,
    'unsubscribed' as reason,
    consent.updated_at as since
from {{ ref("int_product_user") }} as users
inner join {{ ref("stg_consent") }} as consent
    on users.contact_id = consent.contact_id and consent.email_status = 'unsubscribed'
