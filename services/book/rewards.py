"""What a partner is told about a fact in its shops, and under which name."""

from __future__ import annotations

from hashlib import blake2b
from typing import Literal

from services.programme.compile import Version

RewardDue = tuple[str, Literal["earned", "reversed"], int]
"""(partner, kind, points > 0)."""


def pseudonym(partner: str, member: str) -> str:
    """The member's name with one partner: derived, so that a replay makes the same one, and another with every partner.

    It needs no secret: member ids are random and no partner ever sees one, so there is nothing to enumerate.
    """
    return "pm_" + blake2b(member.encode(), digest_size=10, key=partner.encode()[:64]).hexdigest()


def rewards_of(version: Version | None, partner: str | None, points: int) -> tuple[RewardDue, ...]:
    """The reward of a fact whose rules changed the member's points by `points` in all. Other partners get none."""
    if not points or partner is None or version is None or partner not in version.partners:
        return ()
    return ((partner, "earned", points),) if points > 0 else ((partner, "reversed", -points),)
