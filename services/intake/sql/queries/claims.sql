-- Who and which: looked up and claimed in bulk. A claim counts its rows: fewer than asked for is a race lost.

-- name: members_of
-- The members that these identifiers lead to; an identifier that nobody has gives no row.
select i.scheme, i.value, i.member
from unnest($1::text[], $2::text[]) as v (scheme, value)
join identity i on i.scheme = v.scheme and i.value = v.value;

-- name: revisions_of
-- Every row of these receipts, oldest first.
select receipt, revision, kind, member, content, source_topic, source_partition, source_offset, body, lines, returns,
    written
from receipt
where receipt = any($1::text[])
order by receipt, revision;

-- name: claim_identities
-- Each identifier (sorted) for its member, unless somebody was quicker.
insert into identity (scheme, value, member)
select * from unnest($1::text[], $2::text[], $3::text[])
on conflict do nothing;

-- name: forget
-- Let no identifier lead to these members (sorted) any more.
with gone as (insert into erasure (member) select unnest($1::text[]) on conflict do nothing)
delete from identity where member = any($1::text[]);

-- name: forgotten
-- Those of these members who are forgotten.
select member from erasure where member = any($1::text[]);

-- name: erasures
-- How many there are.
select count(*) from erasure;

-- name: claim_revisions
-- Each saying (sorted) as a row of its receipt: a new one, or in the place of one that is no member's and that nobody has
-- written since it was read.
insert into receipt as r (
    receipt, revision, kind, member, content, lines, source_topic, source_partition, source_offset, body, returns,
    written
)
select * from unnest(
    $1::text[], $2::int[], $3::text[], $4::text[], $5::bytea[], $6::int[], $7::text[], $8::int[], $9::bigint[],
    $10::bytea[], $11::text[], $12::int[]
)
on conflict (receipt, revision) do update
set kind = excluded.kind,
    member = excluded.member,
    content = excluded.content,
    lines = excluded.lines,
    source_topic = excluded.source_topic,
    source_partition = excluded.source_partition,
    source_offset = excluded.source_offset,
    body = excluded.body,
    returns = excluded.returns,
    written = excluded.written
where r.member is null and r.written + 1 = excluded.written;

-- name: returns_that_wait
-- Returns whose receipt is no member's, behind a receipt and a return, in their order; with what the receipt is so far.
select r.receipt, r.kind, w.receipt as waits, w.source_topic, w.source_partition, w.source_offset
from receipt r
cross join unnest(string_to_array(r.returns, ' ')) as id
join receipt w on w.receipt = id and w.revision = 0
where r.returns is not null and r.member is null and (r.receipt, w.receipt) > ($1::text, $2::text)
order by r.receipt, w.receipt
limit $3::int;

-- name: park
-- Set records aside; one that lies there already stays as it is. One that brings the bytes of a parked record again is
-- linked to it, once.
insert into parked (topic, partition, "offset", reason, key, value, headers, logged_at, retry_of)
select v.topic, v.partition, v."offset", v.reason, v.key, v.value, v.headers::json, v.logged_at, o."offset"
from unnest(
    $1::text[], $2::int[], $3::bigint[], $4::text[], $5::bytea[], $6::bytea[], $7::text[], $8::bigint[], $9::bigint[]
) as v (topic, partition, "offset", reason, key, value, headers, logged_at, retry_of)
left join parked o
    on o.topic = v.topic and o.partition = v.partition and o."offset" = v.retry_of
    and o.value is not distinct from v.value
order by v.topic, v.partition, v."offset"
on conflict do nothing;

-- name: read_again
-- The same bytes have come again, and were read: whatever came of them stands at their own (first) offset.
update parked o
set state = 'retried', retried_as = v.first
from (
    select topic, partition, retry_of, value, min("offset") as first
    from unnest($1::text[], $2::int[], $3::bigint[], $4::bytea[], $5::bigint[])
        as v (topic, partition, "offset", value, retry_of)
    group by topic, partition, retry_of, value
) v
where o.topic = v.topic and o.partition = v.partition and o."offset" = v.retry_of
    and o.value is not distinct from v.value and o.state in ('parked', 'retrying');
