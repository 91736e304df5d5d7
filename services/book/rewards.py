"""What a partner is told about a fact in its shops, and under which name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from hashlib import blake2b
from typing import Literal, NamedTuple

from events.facts import MemberFact
from services.book.member import Told
from services.programme.mechanic import OF_PURCHASE, POINTS
from services.programme.plan import Version
from services.programme.rate import Award


class RewardDue(NamedTuple):
    """Points (> 0) that the rules gave or took back for a basket of a partner's shop; other partners are told nothing.

    Goods that come back are told to the partner who sold them, wherever they are brought; what they make room for (by a
    cap) to the partner of the receipt that has it."""

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


def receipt_of(award: Award, purchase: str) -> str:
    """The receipt whose points an award of a purchase gives or takes: its own, or another one's lot."""
    _, _, lot, _, to = award
    return lot[3].removeprefix(OF_PURCHASE) if lot[3].startswith(OF_PURCHASE) and not to else purchase


def told(version: Version, partner: str | None, awards: Iterable[Award]) -> Told:
    """Whom the awards of a basket in this partner's shop are told to, if the version says that partner is told: the
    points that lots were given, less what was taken back. Draws are the member's and the programme's own."""
    if not partner or partner not in version.partners:
        return ()
    points = sum([points for _, unit, lot, points, to in awards if unit == POINTS and not to and lot[3][0] != "-"])
    return ((partner, points),) if points else ()


def together(parts: Iterable[Told]) -> Told:
    """What several changes of one fact are told, each partner once."""
    sums: dict[str, int] = {}
    for part in parts:
        for partner, points in part:
            sums[partner] = sums.get(partner, 0) + points
    return tuple((partner, points) for partner, points in sorted(sums.items()) if points)


def rewards_of(fact: MemberFact, now: Told, before: Told = ()) -> Iterator[RewardDue]:
    """What the partners are told of a fact which they were told of as `before`: the difference, to each."""
    if now == before:
        return
    shop: str | None = getattr(fact, "partner", None)
    changed = together((now, tuple((partner, -points) for partner, points in before))) if before else now
    for partner, points in changed:
        kind: Literal["earned", "reversed"] = "earned" if points > 0 else "reversed"
        store = (getattr(fact, "store", None) or "") if partner == shop else ""  # another one's shop is not told
        yield RewardDue(partner, kind, abs(points), fact.id, fact.occurred_at, store)
