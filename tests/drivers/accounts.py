"""A member's account as plain values, that two ways to the same book must have in common."""

from __future__ import annotations

from typing import Any

from services.book.member import Member
from services.book.pages import lots_of
from services.book.purses import Rows
from services.book.retold import Retold
from services.workbench.simulate import Simulation

SUMS = (
    *("live", "pending", "held", "debt", "tier", "qualifying_minor"),
    *("issued", "spent", "expired", "reversed", "units"),
)


def sums(member: Member) -> dict[str, Any]:
    return {name: getattr(member, name) for name in SUMS}


def account(simulation: Simulation, name: str) -> dict[str, Any]:
    """A member as the house has it, and her other currencies. Every account must add up."""
    member = simulation.members[name]
    member.check()
    lots = simulation.lots
    found = sums(member) | {"lots": lots(name)}
    return found | {unit: sums(purse) | {"lots": lots(name, unit)} for unit, purse in member.purses.items()}


def account_again(again: Retold) -> dict[str, Any]:
    """The same of a book that was told from its facts."""
    member = again.member
    member.check()
    found = sums(member) | {"lots": lots_of(member, member.pages, again.cold)}
    for unit, purse in member.purses.items():
        found[unit] = sums(purse) | {"lots": lots_of(purse, purse.pages, Rows(again.cold, unit))}
    return found
