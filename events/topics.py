"""The one list of topics. A topic's name appears nowhere else (tests/house keeps it).

Names are `<entity>.v1`, prefixed by the setting TALLYSTICK_TOPIC_PREFIX so that several houses share one broker.
Keys are readable text; partitions are chosen by murmur2 of the key, as every Kafka client does by default.
"""

from __future__ import annotations

from dataclasses import dataclass

DAY_MS = 86_400_000
FOR_EVER = -1
RECORD_BYTES = 1_048_588
"""What a broker takes when nobody says otherwise."""
LARGE_RECORD_BYTES = 16 << 20
"""Where one record may concern many lots (a tick, a re-rating), or hold a whole programme."""


@dataclass(frozen=True)
class Topic:
    """`partitions` None: as many as TALLYSTICK_PARTITIONS says (12), fixed for life. `retention_ms` -1: for ever."""

    name: str
    key: str
    says: str
    models: tuple[str, ...]
    written_by: str
    read_by: str
    retention_ms: int = FOR_EVER
    partitions: int | None = None
    max_bytes: int = RECORD_BYTES
    """Of one record: the topic's max.message.bytes, so the broker refuses a larger one and its sender hears of it. The
    broker measures what was sent, perhaps compressed; what unpacks to more is parked unread."""
    public: bool = True
    """Public topics carry CloudEvents headers; the journal carries the fact alone."""


PURCHASES = Topic(
    "purchases.v1",
    "source",
    "receipts and returns, and guests' receipts that are claimed",
    ("PurchaseSaid", "ReturnSaid", "ReceiptClaimedSaid"),
    "tills",
    "intake",
    35 * DAY_MS,
)
REDEMPTIONS = Topic(
    "redemptions.v1",
    "source",
    "redemptions asked for, taken, captured, voided; vouchers and free items used; points given to others",
    (
        "RedemptionRequestedSaid",
        "RedemptionTakenSaid",
        "RedemptionCapturedSaid",
        "RedemptionVoidedSaid",
        "UsedSaid",
        "TransferRequestedSaid",
        "ContributionRequestedSaid",
    ),
    "tills",
    "intake",
    35 * DAY_MS,
)
ENROLMENTS = Topic(
    "enrolments.v1",
    "source",
    "members enrolled, identifiers added, statuses set and ended, members merged, persons forgotten",
    (
        "EnrolledSaid",
        "IdentifierAddedSaid",
        "StatusSetSaid",
        "StatusEndedSaid",
        "MergedSaid",
        "UnmergedSaid",
        "ErasedSaid",
        "PoolJoinedSaid",
        "PoolLeftSaid",
    ),
    "tills",
    "intake",
    35 * DAY_MS,
)
ADJUSTMENTS = Topic(
    "adjustments.v1", "source", "points given or taken by hand", ("AdjustedSaid",), "support", "intake", 35 * DAY_MS
)
DEEDS = Topic(
    "deeds.v1", "source", "acts that are no purchase, birthdays, lower prices that were found",
    ("DeedSaid", "PriceFoundSaid"), "tills, support", "intake", 35 * DAY_MS,
)  # fmt: skip
JOURNAL = Topic(
    "journal.v1", "member", "the one ordered log of facts", ("Fact",), "intake, ledger", "ledger",
    max_bytes=LARGE_RECORD_BYTES, public=False,
)  # fmt: skip
ENTRIES = Topic(
    "entries.v1", "member", "every fact's outcome and entries, by seq", ("EntriesRecord",), "ledger", "projections",
    max_bytes=LARGE_RECORD_BYTES,
)  # fmt: skip
OUTCOMES = Topic(
    "outcomes.v1", "member", "a hint for whoever waits for an answer", ("OutcomeRecord",), "ledger", "tills", DAY_MS
)

TOPICS = (PURCHASES, REDEMPTIONS, ENROLMENTS, ADJUSTMENTS, DEEDS, JOURNAL, ENTRIES, OUTCOMES)
"""Those that always exist; each partner of the programme adds `rewards_topic(partner)`."""

INBOUND = (PURCHASES, REDEMPTIONS, ENROLMENTS, ADJUSTMENTS, DEEDS)


def rewards_topic(partner: str) -> Topic:
    """The partner's own topic: `rewards.<partner>.v1`."""
    return Topic(
        f"rewards.{partner}.v1", "pseudonym", "points earned and taken back in the partner's shops", ("Reward",),
        "ledger", f"partner {partner}",
    )  # fmt: skip
