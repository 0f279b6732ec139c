select
    customers.customer_id,
    customers.account_id,
    subscriptions.plan_name,
    billing.billing_customer_id,
    billing.invoice_to_billing_customer_id,
    billing.billing_status,
    cast(billing.arr as decimal(18, 2)) as arr,
    {{ shifted("customers.customer_start_at") }} as started_at,
    {{ shifted("billing.renewal_date", "date") }} as renewal_date,
    {{ shifted("billing.churned_at") }} as churned_at,
    {{ shifted("billing.cancellation_requested_at") }} as cancellation_requested_at,
    billing.cancellation_owned_by,
    {{ shifted("billing.updated_at") }} as updated_at
from {{ source("leadforge", "customers") }} as customers
inner join {{ source("leadforge", "subscriptions") }} as subscriptions
    on customers.customer_id = subscriptions.customer_id
inner join {{ source("derived", "billing") }} as billing
    on customers.customer_id = billing.customer_id
cross join {{ ref("stg_clock") }} as clock
