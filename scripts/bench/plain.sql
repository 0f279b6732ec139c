-- The set work of one plan as somebody would write it by hand, for one warehouse and one contract.
-- {out} is a folder to write to, {base} the snapshot of what is delivered.
copy (
  with matches as (
    select key, min(destination_id) as lo, max(destination_id) as hi, min(destination_key) as dk
    from identity where rule = 'billing_id' group by key
  ),
  candidates as (select id as key, scored_at, band, reason, arr from mart),
  twice as (select key from candidates group by key having count(*) > 1),
  shared as (
    select lo from candidates join matches using (key) where lo = hi
    group by lo having count(*) > 1
  ),
  a as (select key, min(reason) as why from suppress_a group by key),
  b as (select key, min(reason) as why from suppress_b group by key)
  select
    c.key, c.scored_at as as_of, m.lo as id, m.dk, c.band, c.reason, c.arr,
    case
      when c.key is null or t.key is not null then 'invalid'
      when c.scored_at < timestamp '2026-11-19 09:00:00' then 'stale'
      when m.lo is null then 'unmatched'
      when m.lo <> m.hi then 'ambiguous'
      when s.lo is not null then 'colliding'
      when a.key is not null or b.key is not null then 'suppressed'
      else 'eligible'
    end as disposition,
    concat_ws(',', case when a.key is not null then 'a' end, case when b.key is not null then 'b' end)
      as reasons,
    concat_ws(';', a.why, b.why) as details
  from candidates c
  left join twice t on t.key = c.key
  left join matches m on m.key = c.key
  left join shared s on s.lo = m.lo
  left join a on a.key = c.key
  left join b on b.key = c.key
) to '{out}/population.parquet';

copy (select key from suppress_a union all select key from suppress_b) to '{out}/suppressed.parquet';

select disposition, reasons, count(*) from '{out}/population.parquet' group by all;

select
  max(as_of), count(*) filter (disposition = 'eligible'), count(*) filter (band is null),
  count(*) filter (reason is null), count(*) filter (arr is null)
from '{out}/population.parquet';

copy (
  select p.key, p.id, p.dk, p.as_of, p.band, p.reason, p.arr,
    d."field:band", d."field:reason", d."field:arr"
  from (select * from '{out}/population.parquet' where disposition = 'eligible') p
  left join '{base}' d on d.key = p.key and d.destination_id = p.id
  where d.key is null or p.band is distinct from d."field:band"
    or p.reason is distinct from d."field:reason" or p.arr is distinct from d."field:arr"
  order by p.key
) to '{out}/plan.parquet';

select count(*) from '{out}/plan.parquet'
where key in (select key from '{out}/suppressed.parquet');

select count(*) from '{out}/plan.parquet'
