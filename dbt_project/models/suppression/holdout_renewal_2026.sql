select
    billing_customer_id as key,
    {{ stable_draw("billing_customer_id", "renewal_2026") }} as draw
from {{ ref("int_billing_customer") }}
