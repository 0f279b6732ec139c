with contracts as (
    select
        account_id,
        plan_name,
        row_number() over (partition by account_id order by arr desc, billing_customer_id) as position
    from {{ ref("int_billing_customer") }}
    where is_active
),

crm_contacts as (
    select warehouse_contact_id, lifecycle_stage
    from {{ ref("stg_hubspot_contact") }}
    where warehouse_contact_id is not null
),

crm_accounts as (
    select warehouse_account_id, owner_id
    from {{ ref("stg_salesforce_account") }}
    where warehouse_account_id is not null
)

select
    users.product_user_id,
    users.contact_id,
    users.account_id,
    accounts.region,
    contracts.plan_name,
    crm_contacts.lifecycle_stage,
    crm_accounts.owner_id,
    users.role = 'admin' and contracts.account_id is not null as is_customer_admin
from {{ ref("stg_product_user") }} as users
inner join {{ ref("stg_account") }} as accounts on users.account_id = accounts.account_id
left join contracts on users.account_id = contracts.account_id and contracts.position = 1
left join crm_contacts on users.contact_id = crm_contacts.warehouse_contact_id
left join crm_accounts on users.account_id = crm_accounts.warehouse_account_id
