-- Which schema each read model lives in, and where one does not keep up. The rest is in the model's own schema.

create table projection (
  model  text collate "C" primary key,
  schema text collate "C" not null unique,  -- the live one: readers and the runner look here
  shape  text not null                      -- hash of the table's definition: another one needs a rebuild
);

create table projection_stale (
  model     text collate "C",
  partition smallint,
  since_ms  bigint not null,                -- epoch milliseconds
  why       text not null,
  primary key (model, partition)
);
