with ranked as (
    select
        *,
        count(*) over (partition by account_id) - 1 as prior_expansions,
        row_number() over (
            partition by billing_customer_id
            order by
                case billing_status when 'active' then 1 when 'past_due' then 2 when 'churned' then 3 else 4 end,
                started_at desc,
                customer_id
        ) as precedence
    from {{ ref("stg_customer") }}
)

select
    billing_customer_id,
    invoice_to_billing_customer_id,
    account_id,
    customer_id,
    plan_name,
    billing_status,
    billing_status in ('active', 'past_due') as is_active,
    arr,
    renewal_date,
    churned_at,
    cancellation_requested_at,
    cancellation_owned_by,
    cast(prior_expansions as integer) as prior_expansions
from ranked
where precedence = 1
