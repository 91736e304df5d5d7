-- Guests' receipts that are claimed by their number alone, perhaps before they have come.

comment on column receipt.member is 'null: a guest''s, not claimed by a member yet; or a claim that waits for its receipt';
comment on column receipt.body is
    'a guest''s receipt as it came, also once it is claimed by its number; of a claim that waits (kind receipt_claimed) the '
    'member; null otherwise, the fact holds it';
