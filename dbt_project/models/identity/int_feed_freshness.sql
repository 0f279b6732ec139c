select 'product_usage' as feed, max(measured_at) as as_of from {{ ref("stg_product_usage") }}
union all
select 'product_events' as feed, max(occurred_at) as as_of from {{ ref("stg_product_event") }}
union all
select 'support' as feed, max(updated_at) as as_of from {{ ref("stg_support_ticket") }}
union all
select 'billing' as feed, max(updated_at) as as_of from {{ ref("stg_customer") }}
union all
select 'consent' as feed, max(updated_at) as as_of from {{ ref("stg_consent") }}
union all
select 'web_sessions' as feed, max(visited_at) as as_of from {{ ref("stg_session") }}
union all
select
    'crm' as feed,
    least(
        (select max(modified_at) from {{ ref("stg_salesforce_account") }}),
        (select max(modified_at) from {{ ref("stg_salesforce_opportunity") }}),
        (select max(modified_at) from {{ ref("stg_hubspot_contact") }})
    ) as as_of
