with usage_levels as (
    select
        usage.account_id,
        avg(case when usage.measured_at > {{ dbt.dateadd("day", -14, "clock.as_of") }} then usage.active_users end) as recent,
        avg(case when usage.measured_at <= {{ dbt.dateadd("day", -14, "clock.as_of") }} then usage.active_users end) as before
    from {{ ref("stg_product_usage") }} as usage
    cross join {{ ref("stg_clock") }} as clock
    group by usage.account_id
),

open_tickets as (
    select
        account_id,
        max(case severity when 'sev1' then 30 when 'sev2' then 15 when 'sev3' then 5 when 'sev4' then 0 else 30 end) as points,
        max(case when severity is null then 1 else 0 end) = 0 as is_triaged
    from {{ ref("stg_support_ticket") }}
    where is_open
    group by account_id
),

crm_owners as (
    select accounts.warehouse_account_id as account_id, owners.owner_id, owners.is_active
    from {{ ref("stg_salesforce_account") }} as accounts
    left join {{ ref("stg_owner") }} as owners on accounts.owner_id = owners.owner_id
    where accounts.warehouse_account_id is not null
)

select
    customers.billing_customer_id,
    customers.account_id,
    case when crm_owners.is_active then crm_owners.owner_id end as active_owner_id,
    case
        when usage_levels.recent is null or usage_levels.recent < 0.4 * usage_levels.before then 35
        when usage_levels.recent < 0.75 * usage_levels.before then 20
        else 0
    end as usage_points,
    coalesce(open_tickets.points, 0) as support_points,
    coalesce(open_tickets.is_triaged, true) as is_support_triaged,
    case when customers.billing_status = 'past_due' then 25 else 0 end as billing_points,
    case
        when customers.renewal_date <= {{ dbt.dateadd("day", 30, "clock.as_of") }} then 20
        when customers.renewal_date <= {{ dbt.dateadd("day", 90, "clock.as_of") }} then 10
        else 0
    end as renewal_points,
    case when coalesce(crm_owners.is_active, false) then 0 else 10 end as owner_points,
    case when customers.prior_expansions > 0 then -10 else 0 end as expansion_points
from {{ ref("int_billing_customer") }} as customers
cross join {{ ref("stg_clock") }} as clock
left join usage_levels on customers.account_id = usage_levels.account_id
left join open_tickets on customers.account_id = open_tickets.account_id
left join crm_owners on customers.account_id = crm_owners.account_id
