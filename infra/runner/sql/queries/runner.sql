-- The runner's queries. Names without a schema are found in the model's own schema, which `enter` puts in front.

-- name: live
-- The live schema of a model and the shape it was made with.
select schema, shape from projection where model = $1

-- name: add
-- Enter a model with its first schema.
insert into projection (model, schema, shape) values ($1, $2, $3)

-- name: switch
-- Make another schema the live one.
update projection set schema = $2, shape = $3 where model = $1

-- name: schemas
-- Every schema of a model, live or not.
select nspname from pg_namespace where nspname ~ ('^' || $1 || '_[0-9]+$') order by length(nspname), nspname

-- name: enter
-- Look into one schema first, until the transaction ends; says which schema of the model is the live one.
select set_config('search_path', quote_ident($1) || ', ' || current_setting('search_path'), true),
       (select schema from projection where model = $2) as live

-- name: make
-- What every model's schema holds beside its table: how far it is, and what it could not read.
create table position (
  partition   smallint,
  topic_id    text not null,
  next_seq    bigint not null,
  next_offset bigint not null,
  epoch       bigint not null,
  primary key (partition)
) with (fillfactor = 50);
create table parked (
  partition smallint,
  "offset"  bigint,
  reason    text not null,
  key       bytea,
  value     bytea,
  primary key (partition, "offset")
);

-- name: claim
-- Take partitions over: a higher epoch shuts out whoever had them. A new partition starts at zero.
insert into position (partition, topic_id, next_seq, next_offset, epoch)
select partition, $2, 1, 0, 1 from unnest($1::smallint[]) as p(partition) order by partition
on conflict (partition) do update set epoch = position.epoch + 1
returning partition, topic_id, next_seq, next_offset, epoch

-- name: places
-- How far the partitions are.
select partition, topic_id, next_seq, next_offset, epoch from position where partition = any($1::smallint[])

-- name: all_places
-- How far every partition is, in order.
select partition, topic_id, next_seq, next_offset, epoch from position order by partition

-- name: advance
-- Move positions, each only if it is where we left it and still ours. Fewer rows than asked for: somebody else was here.
update position p set next_seq = n.next_seq, next_offset = n.next_offset
from unnest($2::smallint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[])
     as n(partition, epoch, seq, "offset", next_seq, next_offset)
where p.partition = n.partition and p.topic_id = $1 and p.epoch = n.epoch
  and p.next_seq = n.seq and p.next_offset = n."offset"

-- name: park
-- Keep a record that could not be read.
insert into parked (partition, "offset", reason, key, value) values ($1, $2, $3, $4, $5)

-- name: mark_stale
-- Note that a model does not keep up on a partition; the first time counts.
insert into projection_stale (model, partition, since_ms, why) values ($1, $2, $3, $4)
on conflict (model, partition) do update set why = excluded.why

-- name: clear_stale
-- It keeps up again.
delete from projection_stale where model = $1 and partition = any($2::smallint[])

-- name: key_columns
-- The columns of a table's primary key, in order.
select a.attname from pg_index i join pg_attribute a on a.attrelid = i.indrelid and a.attnum = any(i.indkey)
where i.indisprimary and i.indrelid = (quote_ident($1) || '.' || quote_ident($2))::regclass
order by array_position(i.indkey::smallint[], a.attnum)

-- name: tables
-- The tables of a schema that hold what was made of the topic: all but positions.
select tablename from pg_tables where schemaname = $1 and tablename <> 'position' order by tablename
