-- Which releases of the IANA time zone database this book was counted by: where a day ends depends on it.

create table zone_rules (
    version    text primary key,
    first_used timestamptz not null default now()
);
