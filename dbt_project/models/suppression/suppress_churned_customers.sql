select
    billing_customer_id as key,
    'churned' as reason,
    churned_at as since
from {{ ref("int_billing_customer") }}
where billing_status = 'churned'
