"""What a partner is told about a fact in its shops, and under which name."""

from __future__ import annotations

from functools import lru_cache
from hashlib import blake2b
from typing import Literal, NamedTuple

from events.facts import MemberFact


class RewardDue(NamedTuple):
    """Points (> 0) that the rules gave or took back for a fact in a partner's shop; other partners are told nothing."""

    partner: str
    kind: Literal["earned", "reversed"]
    points: int
    fact: str
    """The fact that was rated: the one that came, or one that a late fact has changed."""
    occurred_at: str
    store: str


@lru_cache(1 << 16)
def pseudonym(partner: str, member: str) -> str:
    """The member's name with one partner: derived, so that a replay makes the same one, and another with every partner.

    It needs no secret: member ids are random and no partner ever sees one, so there is nothing to enumerate.
    """
    return "pm_" + blake2b(member.encode(), digest_size=10, key=partner.encode()[:64]).hexdigest()


def reward_of(partners: frozenset[str], fact: MemberFact, points: int) -> tuple[RewardDue, ...]:
    """The reward of a fact whose rules changed the member's points by `points` in all."""
    partner: str | None = getattr(fact, "partner", None)
    if not points or partner is None or partner not in partners:
        return ()
    kind: Literal["earned", "reversed"] = "earned" if points > 0 else "reversed"
    return (RewardDue(partner, kind, abs(points), fact.id, fact.occurred_at, getattr(fact, "store", None) or ""),)
