-- The directory: who has which identifier, which receipt is whose, and how far intake has come.
-- The only place of personal data (identity.value, receipt.body, parked).

create table identity (
    scheme text collate "C" not null,
    value text collate "C" not null,
    member text collate "C" not null,
    primary key (scheme, value)
);
comment on table identity is
    'An identifier and the member it leads to. Written once, never changed: cards do not re-route.';

create table receipt (
    receipt text collate "C" not null,
    revision int not null,
    kind text not null,
    member text collate "C",
    content bytea not null,
    lines int not null,
    source_topic text not null,
    source_partition int not null,
    source_offset bigint not null,
    body bytea,
    primary key (receipt, revision)
);
comment on table receipt is
    'Every saying that counted, of receipts and of everything else that has an id: one row a fact, or a guest''s.';
comment on column receipt.member is 'null: a guest''s, not claimed by a member yet';
comment on column receipt.content is 'blake2b, 16 bytes, of what was said without id, identifier and coordinates';
comment on column receipt.source_offset is 'with topic and partition: the record that said it, to be known again';
comment on column receipt.body is 'a guest''s receipt as it came; null otherwise, the fact holds it';

create table intake_position (
    topic text not null,
    partition int not null,
    topic_id text not null,
    epoch bigint not null,
    next_offset bigint not null default 0,
    decided_offset bigint not null default 0,
    recovered_offset bigint not null default 0,
    primary key (topic, partition)
) with (fillfactor = 50);
comment on table intake_position is 'How far each inbound partition has come. Taking an epoch wins.';
comment on column intake_position.topic_id is 'Kafka''s: a topic made anew has another, and intake stops';
comment on column intake_position.next_offset is 'all facts of the records before it are in the journal';
comment on column intake_position.decided_offset is 'the records before it are claimed in these tables';
comment on column intake_position.recovered_offset is
    'the records before it were decided by a directory that was lost; their facts came back from the journal';

create table journal_end (
    partition int primary key,
    next_offset bigint not null
) with (fillfactor = 50);
comment on table journal_end is
    'The identifiers and receipts behind every fact before it are in these tables. Past it, a restored directory reads.';

create table parked (
    topic text not null,
    partition int not null,
    "offset" bigint not null,
    reason text not null,
    key bytea,
    value bytea,
    headers json not null,
    logged_at bigint not null,
    state text not null default 'parked',
    primary key (topic, partition, "offset")
);
comment on table parked is 'Inbound records that were set aside, byte for byte, with the reason.';
comment on column parked.headers is '[[name, value] ...]; a character of a value is one byte (latin-1)';
comment on column parked.logged_at is 'the record''s log time, epoch milliseconds';
comment on column parked.state is 'parked: nobody has looked after it yet';
