-- How far intake has come, and who may go on from there.

-- name: claim_positions
-- Take the next epoch of these inbound partitions (sorted); whoever had the last one can save nothing any more.
insert into intake_position as p (topic, partition, topic_id, epoch)
select topic, partition, topic_id, 1
from unnest($1::text[], $2::int[], $3::text[]) as v (topic, partition, topic_id)
on conflict (topic, partition) do update set epoch = p.epoch + 1
returning topic, partition, topic_id, epoch, next_offset, decided_offset, recovered_offset;

-- name: fence
-- Move the decided offsets of a batch, where we still hold the epoch; fewer rows than partitions: we do not.
with held as (
    select p.topic, p.partition, v.decided_offset
    from intake_position p
    join unnest($1::text[], $2::int[], $3::bigint[], $4::bigint[]) as v (topic, partition, epoch, decided_offset)
        on p.topic = v.topic and p.partition = v.partition and p.epoch = v.epoch
    order by p.topic, p.partition
    for update of p
)
update intake_position p
set decided_offset = greatest(p.decided_offset, held.decided_offset)
from held
where p.topic = held.topic and p.partition = held.partition;

-- name: save_positions
-- The facts of the records before these offsets are in the journal. Same fence as above.
with held as (
    select p.topic, p.partition, v.next_offset
    from intake_position p
    join unnest($1::text[], $2::int[], $3::bigint[], $4::bigint[]) as v (topic, partition, epoch, next_offset)
        on p.topic = v.topic and p.partition = v.partition and p.epoch = v.epoch
    order by p.topic, p.partition
    for update of p
)
update intake_position p
set next_offset = greatest(p.next_offset, held.next_offset)
from held
where p.topic = held.topic and p.partition = held.partition;

-- name: raise_recovered
-- The records before these offsets were decided before the directory was restored.
insert into intake_position as p (topic, partition, topic_id, epoch, recovered_offset)
select topic, partition, topic_id, 0, recovered_offset
from unnest($1::text[], $2::int[], $3::text[], $4::bigint[]) as v (topic, partition, topic_id, recovered_offset)
on conflict (topic, partition) do update set recovered_offset = greatest(p.recovered_offset, excluded.recovered_offset);

-- name: journal_ends
-- How far into the journal the directory knows what is behind the facts.
select partition, next_offset from journal_end;

-- name: save_journal_ends
-- The directory knows everything behind the facts before these offsets; an end never goes back.
insert into journal_end as j (partition, next_offset)
select partition, next_offset from unnest($1::int[], $2::bigint[]) as v (partition, next_offset)
on conflict (partition) do update set next_offset = greatest(j.next_offset, excluded.next_offset);

-- name: lock_recovery
-- One worker at a time restores a directory; held by the session.
select pg_advisory_lock(hashtextextended('tallystick intake recovery', 0));

-- name: unlock_recovery
-- Let the next one see what was restored.
select pg_advisory_unlock(hashtextextended('tallystick intake recovery', 0));
