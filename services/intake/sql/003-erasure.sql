-- Persons who are forgotten: their identifiers are gone, and stay gone when a directory is restored from the journal.

create table erasure (
    member text collate "C" primary key
);
comment on table erasure is 'Members whose identifiers were removed. A member id is random and says nothing of a person.';
create index identity_member on identity (member);
comment on table identity is
    'An identifier and the member it leads to. Written once, never changed (cards do not re-route), removed by an erasure.';
