-- What the demo asks of a house's tables: intake's, the ledger's, and the projections'.

-- name: outcomes_of
-- The stored outcomes of facts that somebody awaits, by fact id. A posting is [member, available, ...].
select fact_id,
       convert_from(outcome, 'UTF8')::json ->> 'status' as status,
       (convert_from(postings, 'UTF8')::json -> 0 ->> 1)::bigint as available
from fact
where partition = any($1::smallint[]) and fact_id = any($2::text[]) and revision = 0

-- name: receipts_settled
-- How many receipts have come to their end: booked by the ledger (all its facts but programmes are receipts in a house
-- where nobody enrols or redeems, and no time passes), or kept as a guest's.
select (select coalesce(sum(next_seq - 1), 0) from position)
     - (select count(*) from fact where type = 'programme_published')
     + (select count(*) from receipt where member is null)

-- name: ticks_booked
-- In how many partitions the ledger has booked the tick of that id.
select count(*) from fact where type = 'tick' and fact_id = $1

-- name: guests
-- Receipts that nobody showed an identifier for, and their lines.
select count(*) as receipts, coalesce(sum(lines), 0) as lines from receipt where member is null

-- name: member_receipts
-- Receipts that lead to a member, and their lines.
select count(*) as receipts, coalesce(sum(lines), 0) as lines
from receipt where member is not null and kind in ('purchase', 'return') and revision = 0

-- name: parked
-- Records set aside by any process.
select (select count(*) from parked) + (select count(*) from parked_journal)

-- name: pages
-- The pages of lots that do not lie in their member's own row.
select member, kind, key, value from cold where kind = 'lots'

-- name: members
-- Every member with the customer number that leads to it, and the state that the ledger keeps.
select i.value as customer, m.member, m.partition, m.available, m.pending, m.held, m.debt, m.tier,
       m.qualifying_minor, m.state
from member m join identity i on i.member = m.member and i.scheme = 'uci'

-- name: movements
-- Points moved between two accounts of a member, in all.
select member, debit, credit, sum(points)::bigint as points from entry group by member, debit, credit

-- name: declined
-- How many requests of each member were declined.
select member, count(*) as times from fact
where convert_from(outcome, 'UTF8')::json ->> 'status' = 'declined' group by member

-- name: unpublished
-- Facts that are committed and whose entries and rewards are not yet known to be published.
select coalesce(sum(next_seq - 1 - published_seq), 0) from position

-- name: booked
-- Facts that the ledger has booked.
select coalesce(sum(next_seq - 1), 0) from position

-- name: projected
-- Inside a read model: facts that it has taken. The same words, and another table of that name.
select coalesce(sum(next_seq - 1), 0) from position

-- name: unread
-- Inside a read model: records that it could not read.
select count(*) from parked

-- name: partners
-- The partners who were told anything.
select distinct partner from reward_position order by partner
