select
    users.product_user_id as key,
    braze_users.external_id as destination_id,
    braze_users.external_id as destination_key,
    'product_user_id' as rule,
    addresses.is_role_based_email
from {{ ref("stg_product_user") }} as users
inner join {{ ref("stg_braze_user") }} as braze_users on users.product_user_id = braze_users.external_id
inner join {{ ref("int_contact_address") }} as addresses on users.contact_id = addresses.contact_id
