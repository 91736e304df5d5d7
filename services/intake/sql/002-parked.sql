-- What an operator needs to look after a parked record, and what became of it (docs/parked.md).

alter table parked
    add check (state in ('parked', 'retrying', 'retried', 'discarded')),
    add column retry_of bigint,
    add column retried_as bigint,
    add column discarded_by text,
    add column discarded_why text,
    add column discarded_at timestamptz;
create unique index parked_retry on parked (topic, partition, retry_of) where retry_of is not null;
alter table parked alter column value set storage external;  -- large ones are rare, and packing them takes longer

comment on column parked.state is
    'parked: nobody has looked after it yet; retrying: written to its topic again; retried: read again; discarded';
comment on column parked.retry_of is 'it brings again what stands at this offset of its partition';
comment on column parked.retried_as is 'it was read again at this offset of its partition';
