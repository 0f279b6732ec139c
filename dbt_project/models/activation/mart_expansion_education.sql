with uses as (
    select
        events.product_user_id,
        events.feature,
        cast(count(*) as integer) as uses_in_window,
        max(events.occurred_at) as last_qualified_at
    from {{ ref("stg_product_event") }} as events
    cross join {{ ref("stg_clock") }} as clock
    where
        events.feature in ('approval_workflows', 'audit_export', 'spend_forecasting')
        and events.occurred_at > {{ dbt.dateadd("day", -30, "clock.as_of") }}
    group by events.product_user_id, events.feature
    having count(*) >= 3
),

ranked as (
    select
        *,
        row_number() over (
            partition by product_user_id order by uses_in_window desc, last_qualified_at desc, feature
        ) as position
    from uses
)

select
    users.product_user_id,
    users.contact_id,
    users.account_id,
    users.owner_id,
    users.plan_name,
    users.lifecycle_stage,
    ranked.feature as qualifying_feature,
    ranked.uses_in_window,
    ranked.last_qualified_at
from {{ ref("int_product_user") }} as users
inner join ranked on users.product_user_id = ranked.product_user_id and ranked.position = 1
where
    users.is_customer_admin
    -- The enterprise plan already has every premium feature: nothing to learn about.
    and users.plan_name in ('starter', 'growth')
    -- Unknown to the CRM is not "no customer": it stays, and is counted as unmatched.
    and coalesce(users.lifecycle_stage, 'customer') = 'customer'
