-- Who asks which returns wait for their receipt need not read all receipts.

create index receipt_returns_wait on receipt (receipt) where returns is not null and member is null;
