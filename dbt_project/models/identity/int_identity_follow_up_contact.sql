select
    primaries.account_id as key,
    contacts.hubspot_id as destination_id,
    contacts.warehouse_contact_id as destination_key,
    'primary_contact' as rule,
    addresses.is_role_based_email
from {{ ref("int_primary_contact") }} as primaries
inner join {{ ref("stg_hubspot_contact") }} as contacts on primaries.contact_id = contacts.warehouse_contact_id
inner join {{ ref("int_contact_address") }} as addresses on primaries.contact_id = addresses.contact_id
