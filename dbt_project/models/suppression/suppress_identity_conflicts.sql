with matches as (
    select
        identity.key,
        count(*) over (partition by identity.key) as records_of_key,
        count(*) over (partition by identity.destination_id) as keys_of_record,
        accounts.modified_at
    from {{ ref("int_identity_account") }} as identity
    inner join {{ ref("stg_salesforce_account") }} as accounts
        on identity.destination_id = accounts.salesforce_id
)

select
    key,
    'several_records_for_one_customer' as reason,
    max(modified_at) as since
from matches
where records_of_key > 1
group by key
union all
select
    key,
    'several_customers_for_one_record' as reason,
    max(modified_at) as since
from matches
where keys_of_record > 1
group by key
