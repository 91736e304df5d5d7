-- Parked records, of the three places where they lie. Pages have no values in them, which may be large; every page and
-- every single record has the same columns in the same order (records.py: Parked).

-- name: places
-- Which of the places exist: a process that was never started has made none.
select to_regclass('parked') is not null, to_regclass('parked_journal') is not null,
       to_regclass('projection') is not null

-- name: models
-- The read models, with the schema that holds each.
select model, schema from projection order by model

-- name: intake
-- What intake parked.
select topic, partition, "offset", 'intake' as read_by, reason, state, logged_at, octet_length(value) as bytes,
       retry_of, retried_as, discarded_by, discarded_why, discarded_at, key, value, headers::text
from parked

-- name: ledger
-- What the ledger parked; $1: the journal's name.
select $1::text as topic, partition::int, "offset", 'ledger' as read_by, reason, state, logged_at,
       octet_length(value) as bytes, retry_of, retried_as, discarded_by, discarded_why, discarded_at, key, value,
       headers::text
from parked_journal

-- name: model
-- What one read model parked; nothing of the house is missing in it, so it can only be discarded.
select '{model}' as model, partition, "offset", reason, key, value from {schema}.parked

-- name: projections
-- What the read models parked, a record once; $1: their topic.
select $1::text as topic, m.partition::int, m."offset", string_agg(m.model, ', ' order by m.model) as read_by,
       min(m.reason) as reason, case when d."offset" is null then 'parked' else 'discarded' end as state,
       null::bigint as logged_at, octet_length(m.value) as bytes, null::bigint as retry_of, null::bigint as retried_as,
       d.discarded_by, d.discarded_why, d.discarded_at, m.key, m.value, '[]' as headers
from ({models}) m
left join projection_discarded d on d.topic = $1 and d.partition = m.partition and d."offset" = m."offset"
group by m.partition, m."offset", m.key, m.value, d."offset", d.discarded_by, d.discarded_why, d.discarded_at

-- name: page
-- A page of one of the above, in the order of the coordinates. $1 is theirs; null: any topic, any reason.
select topic, partition, "offset", read_by, reason, state, logged_at, bytes, retry_of, retried_as, discarded_by,
       discarded_why, discarded_at
from ({place}) p
where $1::text is not null and ($2::text is null or topic = $2) and ($3::text is null or position($3 in reason) > 0)
    and state = any($4::text[]) and (topic, partition, "offset") > ($5::text, $6::int, $7::bigint)
order by topic, partition, "offset" limit $8

-- name: one
-- One record of one of the above, whole.
select * from ({place}) p where $1::text is not null and topic = $2 and partition = $3 and "offset" = $4

-- name: retry_intake
-- These are about to be written to their topic again: their bytes.
update parked p set state = 'retrying'
from unnest($1::text[], $2::int[], $3::bigint[]) as v (topic, partition, "offset")
where p.topic = v.topic and p.partition = v.partition and p."offset" = v."offset" and p.state in ('parked', 'retrying')
returning p.topic, p.partition, p."offset", p.key, p.value, p.headers::text

-- name: retry_ledger
-- These are about to be written to the journal again: their bytes.
update parked_journal p set state = 'retrying'
from unnest($1::text[], $2::int[], $3::bigint[]) as v (topic, partition, "offset")
where p.partition = v.partition and p."offset" = v."offset" and p.state in ('parked', 'retrying')
returning v.topic, p.partition::int, p."offset", p.key, p.value, p.headers::text

-- name: discard_intake
-- Nobody will look after these any more, and why. The rows stay.
update parked p set state = 'discarded', discarded_by = $4, discarded_why = $5, discarded_at = now()
from unnest($1::text[], $2::int[], $3::bigint[]) as v (topic, partition, "offset")
where p.topic = v.topic and p.partition = v.partition and p."offset" = v."offset" and p.state = 'parked'
returning p.topic, p.partition, p."offset"

-- name: discard_ledger
-- The same, of the journal.
update parked_journal p set state = 'discarded', discarded_by = $4, discarded_why = $5, discarded_at = now()
from unnest($1::text[], $2::int[], $3::bigint[]) as v (topic, partition, "offset")
where p.partition = v.partition and p."offset" = v."offset" and p.state = 'parked'
returning v.topic, p.partition::int, p."offset"

-- name: discard_projections
-- The same, of what read models parked: beside their schemas, so that a rebuilt one has the same rows.
insert into projection_discarded (topic, partition, "offset", discarded_by, discarded_why)
select topic, partition, "offset", $4, $5
from unnest($1::text[], $2::int[], $3::bigint[]) as v (topic, partition, "offset")
on conflict do nothing
returning topic, partition::int, "offset"
