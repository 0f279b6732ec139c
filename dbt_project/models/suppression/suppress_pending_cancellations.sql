select
    billing_customer_id as key,
    'cancellation_owned_by_cs_leadership' as reason,
    cancellation_requested_at as since
from {{ ref("int_billing_customer") }}
where
    cancellation_requested_at is not null
    and cancellation_owned_by = 'cs_leadership'
    and billing_status <> 'churned'
