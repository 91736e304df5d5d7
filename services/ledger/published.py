"""How a fact looks on the topics: one function builds each record, for the worker and for the relay after a crash.

So what is published again has the same bytes. Owns headers and keys; the values are events/entries.py and
events/rewards.py. Reads nothing and decides nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

import msgspec

from events.cloudevents import Headers, of_source
from events.decode import decode_fact
from events.entries import (
    EntriesRecord,
    Entry,
    Outcome,
    OutcomeRecord,
    Posting,
    decode_outcome,
    encode,
)
from events.facts import Fact
from events.rewards import Reward
from events.rewards import decode as decode_reward
from infra.kafka.client import Message
from services.book.purses import account
from services.ledger.batch import Chunk, StoredFact

_ENTRIES = "entries"
_OUTCOME = "outcome"
_REWARD = "reward"


def entries_message(
    partition: int, seq: int, fact: Fact, recorded_at_ms: int, outcome: Outcome, postings: tuple[Posting, ...]
) -> Message:
    """The record of a fact on entries.v1."""
    record = EntriesRecord(
        seq,
        fact.id,
        fact.type,
        fact.occurred_at,
        recorded_at_ms,
        outcome,
        postings,
        fact.revision,
        getattr(fact, "partner", None) or "",
        getattr(fact, "store", None) or "",
    )
    member = getattr(fact, "member", None)
    number = b"%d" % seq
    headers = (
        ("ce_id", number), ("ce_time", fact.occurred_at.encode()), *_of_partition(partition, _ENTRIES), ("seq", number),
    )  # fmt: skip
    return member and member.encode(), encode(record), headers


def asked_of(fact: Any, postings: Sequence[Posting]) -> Posting:
    """The posting that answers a member's fact: of the account in the currency that it speaks of."""
    if len(postings) == 1:
        return postings[0]
    currency = getattr(asked(fact), "unit", None)
    if currency is not None:
        for posting in postings:
            if posting.member == account(fact.member, currency):
                return posting
    return postings[0]


def asked(fact: Fact) -> Fact:
    """The fact that somebody waits for: of one that a merged account has forwarded, the one within."""
    if fact.type == "forwarded" and len(fact.facts) == 1:
        return decode_fact(fact.facts[0].fact.encode())
    return fact


def outcome_message(partition: int, fact: Fact, outcome: Outcome, posting: Posting) -> Message:
    """The hint on outcomes.v1 for whoever waits for the answer to a member's fact."""
    earned = reversed_ = redeemed = 0
    for entry in posting.entries:
        debit, credit, points = entry.debit, entry.credit, entry.points
        if debit == "issued":
            earned += points
        elif debit in ("spent", "held"):
            redeemed -= points
        elif debit == "reversed":
            reversed_ -= points
        if credit in ("spent", "held"):
            redeemed += points
        elif credit == "reversed":
            reversed_ += points
    about = asked(fact) if fact.type == "forwarded" else fact
    record = OutcomeRecord(
        about.id,
        about.type,
        fact.member,  # type: ignore[union-attr]  # a member's fact
        outcome.status,
        outcome.refusal,
        earned,
        reversed_,
        redeemed,
        posting.available,
        posting.pending,
        posting.held,
        posting.debt,
        posting.tier,
        about.revision,
    )
    name = f"{about.id}:{about.revision}".encode()
    headers = ("ce_id", name), ("ce_time", about.occurred_at.encode()), *_of_partition(partition, _OUTCOME)
    return record.member.encode(), encode(record), headers


def reward_message(partition: int, reward: Reward, value: bytes) -> Message:
    """The record of a reward on its partner's topic, numbered in a run of its own."""
    number, source = b"%d" % reward.seq, f"ledger/{partition}/{reward.partner}"
    headers = (
        ("ce_id", number), ("ce_time", reward.occurred_at.encode()), *of_source(source, _REWARD), ("seq", number),
    )  # fmt: skip
    return reward.member.encode(), value, headers


@cache
def _of_partition(partition: int, kind: str) -> Headers:
    return of_source(f"ledger/{partition}", kind)


# ---------------------------------------------------------------- from the tables


class _Row(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A posting without its entries: how a member stood after the fact."""

    member: str
    available: int
    pending: int
    held: int
    debt: int
    tier: int
    qualifying_minor: int


_decode_rows = msgspec.json.Decoder(list[_Row]).decode


def postings_column(postings: Sequence[Posting]) -> bytes:
    """The column `postings`: JSON, an array for each posting."""
    return encode([(p.member, p.available, p.pending, p.held, p.debt, p.tier, p.qualifying_minor) for p in postings])


def postings_of(stored: StoredFact) -> tuple[Posting, ...]:
    """The postings of a stored fact, with their entries."""
    entries: dict[str, list[Entry]] = {}
    for member, entry in stored.entries:
        entries.setdefault(member, []).append(entry)
    return tuple(
        Posting(
            *(row.member, row.available, row.pending, row.held, row.debt, row.tier, row.qualifying_minor),
            entries=tuple(entries.get(row.member, ())),
        )
        for row in _decode_rows(stored.postings)
    )


def stored_answer(stored: StoredFact) -> Message | None:
    """The outcome of a stored fact, as it was published; None for what concerns a whole partition."""
    fact = decode_fact(stored.body)
    postings = postings_of(stored)
    if fact.type in ("tick", "programme_published"):
        return None
    return outcome_message(stored.partition, fact, decode_outcome(stored.outcome), asked_of(fact, postings))


def chunk_of(
    partition: int,
    after_seq: int,
    facts: Sequence[StoredFact],
    rewards: Iterable[tuple[str, bytes]],
    messages: Iterable[bytes],
) -> Chunk:
    """What was to be published for a run of stored facts (at least one), with the same bytes."""
    chunk = Chunk(partition, after_seq, facts[-1].seq)
    for stored in facts:
        fact, outcome, postings = decode_fact(stored.body), decode_outcome(stored.outcome), postings_of(stored)
        chunk.entries.append(entries_message(partition, stored.seq, fact, stored.recorded_at_ms, outcome, postings))
        if fact.type not in ("tick", "programme_published"):
            chunk.outcomes.append(outcome_message(partition, fact, outcome, asked_of(fact, postings)))
    for partner, value in rewards:
        chunk.rewards.setdefault(partner, []).append(reward_message(partition, decode_reward(value), value))
    chunk.messages.extend(messages)
    return chunk
