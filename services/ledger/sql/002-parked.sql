-- What an operator needs to look after a parked record, and what became of it (docs/parked.md).

alter table parked_journal
    add column headers json not null default '[]',     -- [[name, value] ...]; a character of a value is one byte (latin-1)
    add column logged_at bigint,                       -- when the journal took it; null: parked before there was this column
    add column state text not null default 'parked'
        check (state in ('parked', 'retrying', 'retried', 'discarded')),
    add column retry_of bigint,                        -- it brings again what stands at this offset of its partition
    add column retried_as bigint,                      -- it was read again at this offset
    add column discarded_by text,
    add column discarded_why text,
    add column discarded_at timestamptz;
create unique index parked_journal_retry on parked_journal (partition, retry_of) where retry_of is not null;
alter table parked_journal alter column value set storage external;  -- large ones are rare, and packing them takes longer
