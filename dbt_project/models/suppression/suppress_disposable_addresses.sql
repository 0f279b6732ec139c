select
    users.product_user_id as key,
    'disposable_address' as reason,
    addresses.created_at as since
from {{ ref("int_product_user") }} as users
inner join {{ ref("int_contact_address") }} as addresses on users.contact_id = addresses.contact_id
where addresses.is_disposable_email
