-- What an operator has said of records that read models parked. It stands beside their schemas: a rebuild is compared
-- with the live one, and what was said is nothing that a topic says.

create table projection_discarded (
  topic         text collate "C",
  partition     smallint,
  "offset"      bigint,
  discarded_by  text not null,
  discarded_why text not null,
  discarded_at  timestamptz not null default now(),
  primary key (topic, partition, "offset")
);
