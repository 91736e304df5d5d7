"""What the book publishes about a fact: one record of `entries.v1` per fact, with its outcome and its entries.

Records are encoded here and nowhere else, so the relay after a crash publishes the same bytes as the worker before it.
"""

from __future__ import annotations

from typing import Literal

import msgspec

Account = Literal[
    "issued",
    "lot",
    "debt",
    "written_off",
    "held",
    "spent",
    "expired",
    "reversed",
    "transferred",
    "fee",
    "forfeited",
    "moved",
]
"""Where points can be; services/book/accounts.py says what each means."""


Status = Literal["done", "declined", "waiting", "forwarded"]
"""waiting: a return whose purchase has not come; forwarded: decided by the account that this one was merged into."""


class Entry(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """`points` (> 0) move from the debit account to the credit account of one member."""

    debit: Account
    credit: Account
    points: int
    why: str
    """Rules with their shares ('base@1:+12 wine@1:+3'), or the cause ('expiry', 'redemption', 'hold lapsed' ...)."""
    balance_after: int
    """The member's lots less debt, after this entry."""
    lot: str = ""
    """Identity of the lot that was filled or drawn; empty where no lot took part (debt against spent)."""


class Posting(msgspec.Struct, frozen=True, gc=False):
    """What a fact did to one account of a member, and how it stands after it."""

    member: str
    """The member, for the regular points; `member~currency` for points of another currency."""
    available: int
    """Points in active lots. While there is debt there are none: debt is repaid first."""
    pending: int
    held: int
    debt: int
    tier: int
    """Level after the fact; 0 is the lowest."""
    qualifying_minor: int
    """Qualifying spend of the window after the fact."""
    entries: tuple[Entry, ...]


class Outcome(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """What the ledger decided about a fact."""

    status: Status
    refusal: str = ""
    programme: str = ""
    """The programme version that rated it; empty where none was asked."""
    tier: int = 0
    """The level that a purchase was rated in: its context, needed again when goods come back."""
    lots: tuple[tuple[str, int], ...] = ()
    """(lot, points) that a transfer was granted with; it takes these whenever it is counted again."""


class EntriesRecord(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """One fact, done or declined, as published on `entries.v1`. `seq` is gapless per partition, from 1."""

    seq: int
    fact: str
    type: str
    occurred_at: str
    recorded_at_ms: int
    outcome: Outcome
    postings: tuple[Posting, ...]
    """One for a member's fact, any number for a tick, none for a programme."""
    revision: int = 0
    partner: str = ""
    store: str = ""


encode = msgspec.json.Encoder().encode
decode = msgspec.json.Decoder(EntriesRecord).decode
encode_outcome = encode
decode_outcome = msgspec.json.Decoder(Outcome).decode


class OutcomeRecord(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """A hint on `outcomes.v1` for whoever waits for an answer. The stored row is the truth."""

    fact: str
    type: str
    member: str
    status: Status
    refusal: str = ""
    earned: int = 0
    reversed: int = 0
    redeemed: int = 0
    """Points spent or held by this fact; negative where a redemption was voided."""
    available: int = 0
    pending: int = 0
    held: int = 0
    debt: int = 0
    tier: int = 0
    revision: int = 0


decode_outcome_record = msgspec.json.Decoder(OutcomeRecord).decode
