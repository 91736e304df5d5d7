-- The ledger's queries. Position rows are always locked in the order of partitions, so no two of us can deadlock.

-- name: positions
-- How far some partitions have come, read without a lock.
select partition, topic_id, next_offset, next_seq, published_seq, epoch, last_hash
from position where partition = any($1::int2[]) order by partition

-- name: locked_positions
-- The same, after every transaction that is changing them has ended.
select partition, topic_id, next_offset, next_seq, published_seq, epoch, last_hash
from position where partition = any($1::int2[]) order by partition for update

-- name: make_positions
-- Position rows for partitions that were never read before.
insert into position (partition, topic_id) select unnest($1::int2[]), $2 on conflict do nothing

-- name: claim
-- Take the partitions: whoever had them holds an old epoch from now on.
update position set epoch = epoch + 1 where partition = any($1::int2[])

-- name: write
-- A batch behind its fence: nothing is written unless every position still is where the batch began. Says whether.
-- As one statement it is one transaction and one trip to the server; each writing part asks the fence first.
with move as (
    select * from unnest($1::int2[], $2::int8[], $3::int8[], $4::int8[], $5::int8[], $6::int8[], $7::bytea[])
        m (partition, at_offset, at_seq, epoch, next_offset, next_seq, last_hash)
), still as (
    select from move m join position p on p.partition = m.partition
        and p.next_offset = m.at_offset and p.next_seq = m.at_seq and p.epoch = m.epoch
    order by p.partition for update of p
), fence as (
    select count(*) = cardinality($1) as stands from still
), moved as (
    update position p set next_offset = m.next_offset, next_seq = m.next_seq, last_hash = m.last_hash
    from fence, move m where fence.stands and p.partition = m.partition
), facts as (
    insert into fact select r.* from fence, unnest($8::fact[]) r where fence.stands
), entries as (
    insert into entry select r.* from fence, unnest($9::entry[]) r where fence.stands
), rewards as (
    insert into reward select r.* from fence, unnest($10::reward[]) r where fence.stands
), messages as (
    insert into message select r.* from fence, unnest($11::message[]) r where fence.stands
), members as (
    insert into member select r.* from fence, unnest($12::member[]) r where fence.stands
    on conflict (partition, member) do update set
        available = excluded.available, pending = excluded.pending, held = excluded.held, debt = excluded.debt,
        tier = excluded.tier, qualifying_minor = excluded.qualifying_minor, next_due = excluded.next_due,
        high_water = excluded.high_water, state = excluded.state
), cold_written as (
    insert into cold select r.* from fence, unnest($13::cold[]) r where fence.stands
    on conflict (partition, member, kind, key) do update set value = excluded.value
), cold_removed as (
    delete from cold c using fence, unnest($14::int2[], $15::text[], $16::text[], $17::text[])
        r (partition, member, kind, key)
    where fence.stands and (c.partition, c.member, c.kind, c.key) = (r.partition, r.member, r.kind, r.key)
), partners as (
    insert into reward_position select r.* from fence, unnest($18::reward_position[]) r where fence.stands
    on conflict (partition, partner) do update set next_seq = excluded.next_seq
)
select stands from fence

-- name: park
-- Set journal records aside with a reason; one that brings the bytes of a parked one again is linked to it, once.
insert into parked_journal (partition, "offset", reason, key, value, headers, logged_at, retry_of)
select v.partition, v."offset", v.reason, v.key, v.value, v.headers::json, v.logged_at, o."offset"
from unnest($1::int2[], $2::int8[], $3::text[], $4::bytea[], $5::bytea[], $6::text[], $7::int8[], $8::int8[])
    as v (partition, "offset", reason, key, value, headers, logged_at, retry_of)
left join parked_journal o
    on o.partition = v.partition and o."offset" = v.retry_of and o.value is not distinct from v.value
order by v.partition, v."offset"
on conflict do nothing

-- name: read_again
-- The same bytes have come again, and were read: whatever came of them stands at their own (first) offset.
update parked_journal o set state = 'retried', retried_as = v.first
from (
    select partition, retry_of, value, min("offset") as first
    from unnest($1::int2[], $2::int8[], $3::bytea[], $4::int8[]) as v (partition, "offset", value, retry_of)
    group by partition, retry_of, value
) v
where o.partition = v.partition and o."offset" = v.retry_of and o.value is not distinct from v.value
    and o.state in ('parked', 'retrying')

-- name: members
-- The state of members, by partition and id.
select m.partition, m.member, m.state
from unnest($1::int2[], $2::text[]) w (partition, member)
join member m on m.partition = w.partition and m.member = w.member

-- name: due_members
-- The state of members to whom something happens by an instant, of some slice numbers of a partition.
select member, state from member
where partition = $1 and slice = any($3::int2[]) and next_due <= $2 order by member

-- name: members_since
-- The state of members with a fact at or after an instant: whom a programme concerns that was published later.
select member, state from member where partition = $1 and high_water >= $2 order by member

-- name: count_due
-- How many members of a partition have something due by an instant.
select count(*) from member where partition = $1 and next_due <= $2

-- name: known_facts
-- Facts by id and revision: what a second delivery is answered from.
select f.partition, f.seq, f.recorded_at, f.body, f.outcome, f.postings
from unnest($1::int2[], $2::text[], $3::int4[]) w (partition, fact_id, revision)
join fact f on f.partition = w.partition and f.fact_id = w.fact_id and f.revision = w.revision

-- name: first_revisions
-- A member's facts of revision 0 with their outcomes: what a return or a correction needs of its purchase.
select f.partition, f.member, f.fact_id, f.body, f.outcome
from unnest($1::int2[], $2::text[], $3::text[]) w (partition, member, fact_id)
join fact f on f.partition = w.partition and f.fact_id = w.fact_id and f.revision = 0 and f.member = w.member

-- name: facts_at
-- Facts by their seq: what is folded again when one comes late.
select f.partition, f.seq, f.body, f.outcome, f.recorded_at
from unnest($1::int2[], $2::int8[]) w (partition, seq)
join fact f on f.partition = w.partition and f.seq = w.seq

-- name: facts_between
-- A member's facts about accounts of one person.
select seq, body, outcome from fact
where partition = $1 and member = $2 and type in ('merged', 'unmerged', 'forwarded') order by seq

-- name: cold_rows
-- Cold rows by member, kind and key.
select c.partition, c.member, c.kind, c.key, c.value
from unnest($1::int2[], $2::text[], $3::text[], $4::text[]) w (partition, member, kind, key)
join cold c on c.partition = w.partition and c.member = w.member and c.kind = w.kind and c.key = w.key

-- name: programmes
-- The programmes of some partitions, in the order of the book.
select partition, body from fact where partition = any($1::int2[]) and type = 'programme_published' order by partition, seq

-- name: reward_positions
-- The next reward number of each partner of some partitions.
select partition, partner, next_seq from reward_position where partition = any($1::int2[])

-- name: has_fact
-- Whether a fact is booked, in any revision.
select exists (select from fact where partition = $1 and fact_id = $2)

-- name: newest_tick
-- The instant of the newest tick of a partition; null without one.
select max(occurred_at) from fact where partition = $1 and type = 'tick'

-- name: facts_from
-- Facts of a partition in the order of the book, after a seq.
select partition, seq, recorded_at, body, outcome, postings from fact
where partition = $1 and seq > $2 and seq <= $3 order by seq limit $4

-- name: entries_of
-- The entries of facts, in order.
select e.partition, e.seq, e.member, e.debit, e.credit, e.points, e.why, e.balance_after, e.lot
from unnest($1::int2[], $2::int8[]) w (partition, seq)
join entry e on e.partition = w.partition and e.seq = w.seq order by e.partition, e.seq, e.n

-- name: rewards_of
-- The rewards of a run of facts, as published, in each partner's order.
select partner, value from reward where partition = $1 and fact_seq > $2 and fact_seq <= $3 order by partner, seq

-- name: messages_of
-- The messages of a run of facts, in order.
select value from message where partition = $1 and seq > $2 and seq <= $3 order by seq, n

-- name: save_published
-- Remember how far the topics have come, for partitions that are still ours.
update position p set published_seq = v.published_seq
from unnest($1::int2[], $2::int8[], $3::int8[]) v (partition, published_seq, epoch)
where p.partition = v.partition and p.epoch = v.epoch and p.published_seq < v.published_seq

-- name: use_zone_rules
-- Remember the time zone database that is in use from now on; the releases that were in use before it.
with now_used as (insert into zone_rules (version) values ($1) on conflict do nothing)
select version from zone_rules where version <> $1 order by first_used
