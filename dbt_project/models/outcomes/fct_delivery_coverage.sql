with records as (
    select
        contract,
        destination,
        cast(delivered_at as date) as day,
        count(*) as answered,
        sum(case when state = 'accepted' then 1 else 0 end) as accepted,
        sum(case when state = 'rejected' then 1 else 0 end) as rejected,
        sum(case when state = 'held' then 1 else 0 end) as held,
        sum(case when state = 'unknown' then 1 else 0 end) as unknown
    from {{ ledger_table("activation_records") }} as records
    group by contract, destination, cast(delivered_at as date)
),

attempts as (
    select
        contract,
        destination,
        cast(started_at as date) as day,
        count(*) as attempts,
        sum(case when outcome in ('delivered', 'nothing_to_send') then 0 else 1 end) as unfinished_attempts
    from {{ ledger_table("activation_deliveries") }} as deliveries
    group by contract, destination, cast(started_at as date)
)

select
    coalesce(attempts.contract, records.contract) as contract,
    coalesce(attempts.destination, records.destination) as destination,
    coalesce(attempts.day, records.day) as day,
    cast(coalesce(attempts.attempts, 0) as bigint) as attempts,
    cast(coalesce(attempts.unfinished_attempts, 0) as bigint) as unfinished_attempts,
    cast(coalesce(records.answered, 0) as bigint) as answered,
    cast(coalesce(records.accepted, 0) as bigint) as accepted,
    cast(coalesce(records.rejected, 0) as bigint) as rejected,
    cast(coalesce(records.held, 0) as bigint) as held,
    cast(coalesce(records.unknown, 0) as bigint) as unknown,
    cast(records.accepted as double) / nullif(records.answered, 0) as coverage
from attempts
full outer join records
    on attempts.contract = records.contract
    and attempts.destination = records.destination
    and attempts.day = records.day
