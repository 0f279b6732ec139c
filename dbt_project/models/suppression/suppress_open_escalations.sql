select
    users.product_user_id as key,
    'open_escalation' as reason,
    min(tickets.opened_at) as since
from {{ ref("int_product_user") }} as users
inner join {{ ref("stg_support_ticket") }} as tickets on users.account_id = tickets.account_id
where tickets.is_open and tickets.is_escalated
group by users.product_user_id
