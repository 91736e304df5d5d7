"""Which cold rows a fact needs, before it is folded. Pure.

A fact in order needs none. A return needs its purchase and the breakage of its lots; a void what its redemption drew;
spending beyond the hot row, or time that reaches a page, needs pages of lots. Some rows lead to others: ask until ().
"""

from __future__ import annotations

from events.facts import MemberFact
from events.facts.purchases import Correction, Return
from services.book import redemptions
from services.book.baskets import known, standing
from services.book.member import Member, Owed
from services.book.pages import missing
from services.book.turn import Cold, ColdKey, Turn, lot_id
from services.programme.calendar import instant_ms
from services.programme.compile import Plan, Version
from services.programme.mechanic import POINTS, Basket, Change, Lot
from services.programme.rate import Award, rate


def needs(member: Member, fact: MemberFact, plan: Plan, cold: Cold) -> tuple[ColdKey, ...]:
    """The cold rows that the fact needs and `cold` does not have yet. Ask again until (): some lead to others."""
    purchase = _purchase_of(fact)
    if purchase is not None and ("purchase", purchase) not in cold:
        return ("purchase", purchase), ("fact", purchase)
    redemption = getattr(fact, "redemption", None)
    if redemption is not None and redemption not in member.holds and ("use", redemption) not in cold:
        return (("use", redemption),)
    lots, points = _touched(fact, plan, member, cold)
    keys: list[ColdKey] = [("gone", lot_id(lot)) for lot in sorted(lots)]
    if redemption is not None:
        keys += _draws_of(redemption, member, cold)
    found = tuple(key for key in keys if key not in cold)
    if member.pages:
        to_ms = max(instant_ms(fact.occurred_at), member.now_ms)
        found += missing(member, cold, to_ms, points, lots)
    return found


def tick_needs(member: Member, at_ms: int, cold: Cold) -> tuple[ColdKey, ...]:
    """The cold rows that `tick` needs and `cold` does not have yet: pages of lots whose first one ends by then."""
    return missing(member, cold, at_ms, 0, ()) if member.pages else ()


def _purchase_of(fact: MemberFact) -> str | None:
    """The purchase that a fact changes; None: it changes none."""
    if fact.type == "return":
        return fact.purchase
    return fact.id if fact.type == "correction" else None


def _touched(fact: MemberFact, plan: Plan, member: Member, cold: Cold) -> tuple[set[Lot], int]:
    """The lots whose points a fact may take back, and at most how many points it draws from whatever there is."""
    if fact.type == "return" or fact.type == "correction":
        baskets = _taken_back(fact, plan, member, cold)
        awards = [award for version, basket in baskets for award in _full(version, fact, basket)]
        return {award[2] for award in awards if award[1] == POINTS}, sum(award[3] for award in awards)
    if fact.type.startswith("redemption_"):
        return set(), getattr(fact, "points", None) or 0
    return set(), 0


def _taken_back(fact: Return | Correction, plan: Plan, member: Member, cold: Cold) -> list[tuple[Version, Basket]]:
    """The baskets, as they stand and as they will, that a return or a correction moves between."""
    at_ms = instant_ms(fact.occurred_at)
    baskets = []
    purchase = _purchase_of(fact)
    stands = known(Turn(member, fact.id, cold), purchase) if purchase is not None else None
    if stands is not None and (version := plan.at(stands.at_ms)) is not None:
        baskets.append((version, stands.basket(version)))
    if (purchase is None or fact.type == "correction") and (version := plan.at(at_ms)) is not None:
        levels = (
            range(len(version.levels)) if stands is None else (stands.tier,)
        )  # which level holds by then is not known
        baskets += [(version, standing(fact, at_ms, level).basket(version)) for level in levels]
    return baskets


def _full(version: Version, fact: MemberFact, basket: Basket) -> list[Award]:
    """What the per-purchase rules give a basket in full."""
    return rate(Change(fact, None, basket, []), version.rules["basket"], {})


def _draws_of(redemption: str, member: Member, cold: Cold) -> list[ColdKey]:
    """What giving a redemption back touches: its debt, and the breakage of the lots it drew from and was repaid by."""
    turn = Turn(member, "", cold)
    use = turn.read("use", redemption, redemptions.Use)
    if use is None:
        return []
    keys: list[ColdKey] = [("gone", lot_id(lot)) for lot, _ in use[2] if lot is not None]
    if any(lot is None for lot, _ in use[2]):
        keys.append(("debt", use[1]))
        owed = member.debts.get(use[1]) or turn.read("debt", use[1], Owed)
        keys += [("gone", lot_id(lot)) for lot, _ in (owed[2] if owed else ())]
    return keys
