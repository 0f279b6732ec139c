select
    customers.billing_customer_id as key,
    accounts.salesforce_id as destination_id,
    accounts.billing_customer_id as destination_key,
    'billing_customer_id' as rule
from {{ ref("int_billing_customer") }} as customers
inner join {{ ref("stg_salesforce_account") }} as accounts
    on customers.invoice_to_billing_customer_id = accounts.billing_customer_id
