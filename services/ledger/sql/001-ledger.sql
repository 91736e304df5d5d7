-- The book. Every key starts with the partition of the journal: nothing here ever crosses partitions, so partitions
-- may later live on different servers. Instants are epoch milliseconds (UTC).

-- How far each partition has come. One row a partition, changed by every batch: the fence of all other tables.
create table position (
    partition     smallint primary key,
    topic_id      text not null,                -- Kafka's uuid of the journal: a topic made anew is refused
    next_offset   bigint not null default 0,    -- the first journal record that is not in the tables
    next_seq      bigint not null default 1,    -- the seq of the next fact
    published_seq bigint not null default 0,    -- every fact up to this one stands on entries.v1 (at least)
    epoch         bigint not null default 0,    -- raised by each claim: who holds an older one may not commit
    last_hash     bytea not null default ''     -- of the record at next_offset - 1
) with (fillfactor = 10);

-- Every fact, once, in the order of the book, with what was decided about it.
create table fact (
    partition   smallint not null,
    seq         bigint not null,                -- gapless per partition, from 1
    fact_id     text collate "C" not null,
    revision    integer not null,
    member      text collate "C",               -- null: a tick or a programme, which concern the whole partition
    type        text collate "C" not null,
    occurred_at bigint not null,
    recorded_at bigint not null,                -- when the journal took it
    "offset"    bigint not null,                -- where in the journal
    hash        bytea not null,                 -- 16 bytes, BLAKE2b of the body
    body        bytea not null,                 -- the journal record's value, as it came
    outcome     bytea not null,                 -- JSON, events/entries.py Outcome
    postings    bytea not null,                 -- JSON, how each member stood after it; the entries are in `entry`
    primary key (partition, seq),
    constraint fact_once unique (partition, fact_id, revision)
);
create index fact_tick on fact (partition, occurred_at) where type = 'tick';
create index fact_programme on fact (partition, seq) where type = 'programme_published';

-- Points that a fact moved, from one account of a member to another. n counts within the fact.
create table entry (
    partition     smallint not null,
    seq           bigint not null,
    n             integer not null,
    member        text collate "C" not null,
    debit         text collate "C" not null,
    credit        text collate "C" not null,
    points        bigint not null check (points > 0),
    lot           text collate "C" not null,    -- empty: no lot took part
    why           text not null,
    balance_after bigint not null,              -- the member's lots less debt
    primary key (partition, seq, n)
);

-- What partners are told, numbered without gaps per partner and partition. `value` is the record as published.
create table reward (
    partition smallint not null,
    partner   text collate "C" not null,
    seq       bigint not null,
    fact_seq  bigint not null,
    value     bytea not null,
    primary key (partition, partner, seq)
);
create index reward_of_fact on reward (partition, fact_seq);

create table reward_position (
    partition smallint not null,
    partner   text collate "C" not null,
    next_seq  bigint not null,
    primary key (partition, partner)
);

-- Messages from one member's account to another's, which the relay writes into the journal.
create table message (
    partition smallint not null,
    seq       bigint not null,                  -- of the fact that caused it
    n         integer not null,
    value     bytea not null,                   -- the fact as it is written into the journal
    primary key (partition, seq, n)
);

-- A member's hot row: what a fact in order needs, and the sums for whoever reads with SQL.
create table member (
    partition        smallint not null,
    member           text collate "C" not null,
    slice            smallint not null,         -- events/facts/ticks.py slice_of: which of a day's ticks is this member's
    available        bigint not null,
    pending          bigint not null,
    held             bigint not null,
    debt             bigint not null,
    tier             smallint not null,
    qualifying_minor bigint not null,
    next_due         bigint,                    -- the next instant at which time alone changes something; null: never
    high_water       bigint not null,           -- the newest occurred_at: a later fact cannot be a duplicate
    state            bytea not null,            -- services/book/member.py
    primary key (partition, member)
) with (fillfactor = 70);
create index member_due on member (partition, next_due) where next_due is not null;

-- What only few facts need (returns, corrections, voids): one row a thing.
create table cold (
    partition smallint not null,
    member    text collate "C" not null,
    kind      text collate "C" not null,
    key       text collate "C" not null,
    value     bytea not null,
    primary key (partition, member, kind, key)
);

-- Journal records that are no fact, or another fact under a known id. They count for nothing, and are not lost.
create table parked_journal (
    partition smallint not null,
    "offset"  bigint not null,
    reason    text not null,
    key       bytea,
    value     bytea,
    parked_at timestamptz not null default now(),
    primary key (partition, "offset")
);
