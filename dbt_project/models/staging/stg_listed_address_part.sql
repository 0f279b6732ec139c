select 'role_based_prefix' as list, lower(trim(entry)) as entry
from {{ source("lists", "role_based_prefixes") }}
union
select 'disposable_domain' as list, lower(trim(entry)) as entry
from {{ source("lists", "disposable_domains") }}
union
select 'free_email_domain' as list, lower(trim(entry)) as entry
from {{ source("lists", "free_email_domains") }}
