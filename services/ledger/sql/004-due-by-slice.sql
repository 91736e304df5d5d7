-- A day's slice finds its members without passing over those of the other slices.

drop index member_due;
create index member_due on member (partition, slice, next_due) where next_due is not null;
