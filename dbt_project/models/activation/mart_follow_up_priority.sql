with interest as (
    select
        account_id,
        cast(sum(visits) as integer) as visits,
        cast(sum(pricing_page_views) as integer) as pricing_page_views,
        max(last_visited_at) as qualified_at
    from {{ ref("int_high_intent_visit") }}
    group by account_id
),

classified as (
    select
        interest.*,
        case
            when visits >= 2 then 'repeated_high_intent'
            when pricing_page_views >= 2 then 'pricing_interest'
            when qualified_at > {{ dbt.dateadd("day", -14, "clock.as_of") }} then 'recent_visit'
            else 'earlier_visit'
        end as reason_code
    from interest
    cross join {{ ref("stg_clock") }} as clock
)

select
    classified.account_id,
    primaries.contact_id,
    accounts.company_name as account_name,
    classified.visits,
    classified.pricing_page_views,
    case classified.reason_code
        when 'repeated_high_intent' then 'hot'
        when 'earlier_visit' then 'nurture'
        else 'warm'
    end as priority,
    classified.reason_code,
    classified.qualified_at,
    feeds.as_of as scored_at
from classified
inner join {{ ref("int_primary_contact") }} as primaries on classified.account_id = primaries.account_id
inner join {{ ref("stg_account") }} as accounts on classified.account_id = accounts.account_id
inner join {{ ref("int_feed_freshness") }} as feeds on feeds.feed = 'web_sessions'
