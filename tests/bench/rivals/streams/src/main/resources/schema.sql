-- What the sink keeps: the ledger's tables, as far as this rival has them. A fact's number is its place in the journal.
create table position (
    partition smallint primary key,
    next      bigint not null,     -- on the topic of entries: where the sink goes on
    journal   bigint not null      -- in the journal: the first record that is not known to be here
) with (fillfactor = 10);
create table fact (
    partition   smallint not null,
    seq         bigint not null,
    id          text collate "C" not null,
    member      text collate "C" not null,
    type        text collate "C" not null,
    occurred_at text collate "C" not null,
    recorded_at bigint not null,
    status      text collate "C" not null,
    body        bytea not null,
    primary key (partition, seq)
);
create table entry (
    partition     smallint not null,
    seq           bigint not null,
    n             integer not null,
    member        text collate "C" not null,
    debit         text collate "C" not null,
    credit        text collate "C" not null,
    points        bigint not null,
    lot           bigint not null, -- the seq of the purchase that it came from; -1: no lot took part
    why           text not null,
    balance_after bigint not null,
    primary key (partition, seq, n)
);
create table reward (
    partition smallint not null,
    seq       bigint not null,
    partner   text collate "C" not null,
    kind      text not null,
    points    bigint not null,
    primary key (partition, seq)
);
create table member (
    member           text collate "C" primary key,
    available        bigint not null,
    debt             bigint not null,
    tier             integer not null,
    qualifying_minor bigint not null
) with (fillfactor = 70);
create view rival_member as select member, available, debt, tier from member;
create view rival_fact as select id, body from fact;
create view rival_entry as select debit, credit, points from entry;
create view rival_reward as select partner, kind, points from reward;
