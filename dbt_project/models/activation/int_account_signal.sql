with open_tickets as (
    select
        account_id,
        max(case when severity is null then 1 else 0 end) = 1 as is_untriaged,
        max(case when severity = 'sev1' then 1 else 0 end) = 1 as is_worst,
        max(updated_at) as seen_at
    from {{ ref("stg_support_ticket") }}
    where is_open and coalesce(severity, 'unknown') in ('sev1', 'sev2', 'unknown')
    group by account_id
),

premium_uses as (
    select
        users.account_id,
        events.feature,
        count(*) as uses,
        max(events.occurred_at) as seen_at
    from {{ ref("stg_product_event") }} as events
    inner join {{ ref("int_product_user") }} as users on events.product_user_id = users.product_user_id
    cross join {{ ref("stg_clock") }} as clock
    where
        events.feature in ('approval_workflows', 'audit_export', 'spend_forecasting')
        and users.plan_name in ('starter', 'growth')
        and events.occurred_at > {{ dbt.dateadd("day", -30, "clock.as_of") }}
    group by users.account_id, events.feature
    having count(*) >= 3
),

favourites as (
    select
        *,
        row_number() over (partition by account_id order by uses desc, seen_at desc, feature) as position
    from premium_uses
),

measured as (
    select account_id, max(measured_at) as seen_at
    from {{ ref("stg_product_usage") }}
    group by account_id
),

signals as (
    select
        account_id,
        'resolve_support_first' as suggestion,
        case when not is_untriaged then 'support_severity' end as reason_code,
        cast(null as varchar) as feature,
        case when is_worst then 0.95 when is_untriaged then 0.7 else 0.85 end as confidence,
        'restricted' as sensitivity,
        1 as precedence,
        seen_at
    from open_tickets
    union all
    select
        drivers.account_id,
        'settle_payment_first',
        'payment_past_due',
        null,
        0.9,
        'restricted',
        2,
        customers.updated_at
    from {{ ref("int_renewal_risk_driver") }} as drivers
    inner join {{ ref("stg_customer") }} as customers
        on drivers.billing_customer_id = customers.billing_customer_id and drivers.account_id = customers.account_id
    where drivers.billing_points > 0
    union all
    select
        drivers.account_id,
        'restore_adoption_first',
        'usage_drop',
        null,
        case when drivers.usage_points >= 35 then 0.8 else 0.65 end,
        'internal',
        3,
        measured.seen_at
    from {{ ref("int_renewal_risk_driver") }} as drivers
    inner join measured on drivers.account_id = measured.account_id
    where drivers.usage_points > 0
    union all
    select
        account_id,
        'show_premium_feature',
        'premium_feature_use',
        feature,
        case when uses >= 10 then 0.9 when uses >= 5 then 0.75 else 0.55 end,
        'internal',
        4,
        seen_at
    from favourites
    where position = 1
)

select
    account_id,
    suggestion,
    reason_code,
    feature,
    cast(max(confidence) as double) as confidence,
    sensitivity,
    precedence,
    cast({{ dbt.date_trunc("day", "max(seen_at)") }} as timestamp) as seen_at
from signals
group by account_id, suggestion, reason_code, feature, sensitivity, precedence
