with scored as (
    select
        *,
        usage_points + support_points + billing_points + renewal_points + owner_points + expansion_points as risk_score,
        greatest(usage_points, support_points, billing_points, renewal_points, owner_points) as top_points
    from {{ ref("int_renewal_risk_driver") }}
),

inputs as (
    select min(as_of) as complete_until
    from {{ ref("int_feed_freshness") }}
    where feed in ('product_usage', 'support')
)

select
    customers.billing_customer_id,
    customers.account_id,
    customers.customer_id,
    scored.active_owner_id as owner_id,
    customers.plan_name,
    customers.arr,
    customers.renewal_date,
    customers.prior_expansions,
    scored.risk_score,
    case when scored.risk_score >= 45 then 'high' when scored.risk_score >= 20 then 'medium' else 'low' end as risk_band,
    case
        when scored.top_points = 0 then 'no_risk_driver'
        when scored.usage_points = scored.top_points then 'usage_drop'
        when scored.support_points = scored.top_points and not scored.is_support_triaged then null
        when scored.support_points = scored.top_points then 'support_severity'
        when scored.billing_points = scored.top_points then 'payment_past_due'
        when scored.renewal_points = scored.top_points then 'renewal_near'
        else 'no_active_owner'
    end as reason_code,
    inputs.complete_until as scored_at
from {{ ref("int_billing_customer") }} as customers
inner join scored on customers.billing_customer_id = scored.billing_customer_id
cross join inputs
