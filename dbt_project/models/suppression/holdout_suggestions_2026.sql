select
    opportunity_id as key,
    {{ stable_draw("opportunity_id", "suggestions_2026") }} as draw
from {{ ref("int_expansion_opportunity") }}
