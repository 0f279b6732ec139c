select
    product_user_id as key,
    {{ stable_draw("product_user_id", "expansion_2026") }} as draw
from {{ ref("int_product_user") }}
