select
    contacts.contact_id,
    contacts.account_id,
    contacts.job_title,
    contacts.seniority,
    lower(trim(emails.email)) as email,
    {{ shifted("contacts.created_at") }} as created_at
from {{ source("leadforge", "contacts") }} as contacts
inner join {{ source("derived", "contact_emails") }} as emails
    on contacts.contact_id = emails.contact_id
cross join {{ ref("stg_clock") }} as clock
