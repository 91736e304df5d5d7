-- Read model `tier`. The table lies in the model's own schema; read.py knows which one is live.

-- name: create
-- A row for each member whom the book has ever posted to; instants are epoch milliseconds, amounts minor units.
create table tier (
  member           text collate "C" primary key,
  partition        smallint not null,
  seq              bigint not null,
  level            smallint not null,
  since_ms         bigint not null,
  qualifying_minor bigint not null
) with (fillfactor = 70)

-- name: load
-- The rows of these members.
select member, partition, seq, level, since_ms, qualifying_minor from tier where member = any($1::text[])

-- name: save
-- Write rows as they are now.
insert into tier
select * from unnest($1::text[], $2::smallint[], $3::bigint[], $4::smallint[], $5::bigint[], $6::bigint[])
on conflict (member) do update set
  partition = excluded.partition, seq = excluded.seq, level = excluded.level, since_ms = excluded.since_ms,
  qualifying_minor = excluded.qualifying_minor

-- name: of
-- The rows of these members, in order.
select member, partition, seq, level, since_ms, qualifying_minor from tier
where member = any($1::text[]) order by member

-- name: by_level
-- How many members are in each level.
select level, count(*) as members from tier group by level order by level
