select
    opportunity_id as key,
    case when estimated_acv > 120000 then 'value_over_threshold' else 'confidence_under_threshold' end as reason,
    suggested_at as since
from {{ ref("mart_next_best_action") }}
where estimated_acv > 120000 or confidence < 0.6
