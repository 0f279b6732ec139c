with parts as (
    select
        contact_id,
        account_id,
        created_at,
        {{ dbt.split_part(dbt.split_part("email", "'@'", 1), "'+'", 1) }} as local_part,
        {{ dbt.split_part("email", "'@'", 2) }} as domain
    from {{ ref("stg_contact") }}
)

select
    parts.contact_id,
    parts.account_id,
    parts.created_at,
    prefixes.entry is not null as is_role_based_email,
    disposable.entry is not null as is_disposable_email,
    free.entry is not null as is_free_email
from parts
left join {{ ref("stg_listed_address_part") }} as prefixes
    on parts.local_part = prefixes.entry and prefixes.list = 'role_based_prefix'
left join {{ ref("stg_listed_address_part") }} as disposable
    on parts.domain = disposable.entry and disposable.list = 'disposable_domain'
left join {{ ref("stg_listed_address_part") }} as free
    on parts.domain = free.entry and free.list = 'free_email_domain'
