select
    product_user_id,
    contact_id,
    account_id,
    role
from {{ source("derived", "product_users") }}
