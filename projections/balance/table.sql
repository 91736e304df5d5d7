-- Read model `balance`. The tables lie in the model's own schema; read.py knows which one is live.

-- name: create
-- A row for each member whom the book has ever posted to; amounts are points in the programme's decimals.
create table balance (
  member    text collate "C" primary key,
  partition smallint not null,
  seq       bigint not null,
  available bigint not null,
  pending   bigint not null,
  held      bigint not null,
  debt      bigint not null,
  balance   bigint not null,
  earned    bigint not null,
  redeemed  bigint not null,
  expired   bigint not null,
  reversed  bigint not null
) with (fillfactor = 70)

-- name: load
-- The rows of these members.
select member, partition, seq, available, pending, held, debt, balance, earned, redeemed, expired, reversed
from balance where member = any($1::text[])

-- name: save
-- Write rows as they are now.
insert into balance
select * from unnest($1::text[], $2::smallint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[],
                     $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[], $12::bigint[])
on conflict (member) do update set
  partition = excluded.partition, seq = excluded.seq, available = excluded.available, pending = excluded.pending,
  held = excluded.held, debt = excluded.debt, balance = excluded.balance, earned = excluded.earned,
  redeemed = excluded.redeemed, expired = excluded.expired, reversed = excluded.reversed

-- name: of
-- The rows of these members, in order.
select member, partition, seq, available, pending, held, debt, balance, earned, redeemed, expired, reversed
from balance where member = any($1::text[]) order by member

-- name: totals
-- Sums over all members.
select count(*) as members, coalesce(sum(available), 0)::bigint as available,
       coalesce(sum(pending), 0)::bigint as pending, coalesce(sum(held), 0)::bigint as held,
       coalesce(sum(debt), 0)::bigint as debt, coalesce(sum(balance), 0)::bigint as balance,
       coalesce(sum(earned), 0)::bigint as earned, coalesce(sum(redeemed), 0)::bigint as redeemed,
       coalesce(sum(expired), 0)::bigint as expired, coalesce(sum(reversed), 0)::bigint as reversed
from balance
