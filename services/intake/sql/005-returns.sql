-- Returns that name a receipt wait with it until it is a member's, and are that member's then.

alter table receipt
    add column returns text collate "C",
    add column written int not null default 1;
comment on column receipt.returns is
    'of a receipt: the ids, with blanks between, of the returns that waited with it, also once it is a member''s';
comment on column receipt.written is 'how often the row was written: nobody takes the place of one that he has not read';
comment on column receipt.member is
    'null: a guest''s, not claimed by a member yet; a claim or a return that waits for its receipt; or (kind awaited) a '
    'receipt that has not come and of which something has come back';
comment on column receipt.body is
    'a guest''s receipt as it came, also once it is claimed by its number; a return that waited for its receipt; of a claim '
    'that waits (kind receipt_claimed) the member; null otherwise, the fact holds it';
