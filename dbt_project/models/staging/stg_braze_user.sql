select
    external_id,
    country
from {{ source("crm", "braze_user") }}
