"""A member in every currency, with all facts that count: what holds of who is forgotten, or is found to be two."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.oracles.recount.rules import (
    DONE,
    EARNINGS,
    POINTS,
    Account,
    Due,
    Fact,
    Place,
    Stands,
    declined,
    noted,
    place_of,
)

ASKED = ("redemption_requested", "transfer_requested", "contribution_requested")
"""Facts that ask for points."""

HAPPENED = ("message", "redemption_captured", "redemption_voided", "erased")
"""What is booked of somebody who is forgotten all the same."""

OF_ALL = ("purchase", "return", "erased")
"""Facts that concern every currency; the others that of their unit."""


def account_of(member: str, unit: str | None) -> str:
    """The name of a member's account in a currency."""
    return f"{member}~{unit}" if unit else member


@dataclass
class Person:
    """As far as the facts have been judged."""

    told: dict[str, int] = field(default_factory=dict)
    """Fact -> what its partner knows it to be worth."""
    accounts: dict[str, Account] = field(default_factory=dict)
    facts: list[Fact] = field(default_factory=list)
    """Those that count, in the order in which they came. Each says whose it is."""
    now: str = ""
    """The newest instant of a fact."""
    newest: Place = ("", 0, "")
    """Of those that count."""

    def __post_init__(self) -> None:
        self._open()

    def _open(self) -> None:
        self.accounts = {unit: Account(earning) for unit, earning in EARNINGS.items()}
        self.accounts[POINTS].told = self.told

    def stands(self, member: str) -> dict[str, Stands]:
        """By account, now."""
        return {account_of(member, unit): account.stands(self.now) for unit, account in self.accounts.items()}

    def judge(self, fact: Fact, *, decided: bool = False, arrived: bool = False) -> Due:
        """decided: it was granted before. arrived: it comes from another card, to be counted among what is here."""
        late = arrived or fact["occurred_at"] < self.now or place_of(fact) < self.newest
        if not arrived:
            self.now = max(self.now, fact["occurred_at"])
        due = self._barred(fact, late, decided)
        kept = decided or fact["type"] == "return"  # goods that are too many may fit in when all is counted again
        if due is DONE or (kept and fact["type"] in OF_ALL):
            units = EARNINGS if fact["type"] in OF_ALL else (fact.get("unit") or POINTS,)
            dues = [noted(self.accounts[unit], fact, self.now, due, decided=decided) for unit in units]
            due = dues[0]
        if kept or due.status != "declined":
            self.facts.append(fact)
            self.now, self.newest = max(self.now, fact["occurred_at"]), max(self.newest, place_of(fact))
        return due

    def _barred(self, fact: Fact, late: bool, decided: bool) -> Due:
        """Whether a fact comes to somebody who is forgotten. Of points that are asked for late there are none."""
        forgotten = self.accounts[POINTS].forgotten
        if forgotten is None or fact["type"] in HAPPENED or (fact["type"] in ASKED and (late or decided)):
            return DONE
        return DONE if place_of(fact) < forgotten else declined("member_must_not_be_erased")

    def part_with(self, member: str) -> list[Fact]:
        """Let the facts of another card count no longer. Returns them."""
        gone = [fact for fact in self.facts if fact["member"] == member]
        rest = [fact for fact in self.facts if fact["member"] != member]
        self.facts, self.newest = [], ("", 0, "")
        self._open()
        for fact in rest:
            self.judge(fact, decided=True)
        return gone
