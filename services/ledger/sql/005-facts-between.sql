-- What a member's facts about accounts of one person are is found without reading the partition. They are few: no other
-- fact touches the index.

create index fact_between on fact (partition, member) where type in ('merged', 'unmerged', 'forwarded');
