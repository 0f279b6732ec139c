select
    users.product_user_id as key,
    'no_lawful_basis' as reason,
    consent.updated_at as since
from {{ ref("int_product_user") }} as users
inner join {{ ref("stg_consent") }} as consent on users.contact_id = consent.contact_id
where users.region = 'UK' and consent.lawful_basis is null
