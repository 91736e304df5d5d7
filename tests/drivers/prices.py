"""A till that asks what a basket costs: a world of facts, and quotes at an instant of it.

`Till(text).quote("2026-03-10 2*tea=5.00 code:SPRING")` reads lines as `told` does (tests/drivers/facts.py), at list
prices. Does not own any expectation.
"""

from __future__ import annotations

from typing import Any, cast

from events.facts.purchases import Purchase
from tests.drivers.facts import MEMBER, World, at, told

from services.workbench.quote import quote  # isort: skip


class Till(World):
    """Facts are told as to a World; a quote sees all that were, and lets time pass to its own instant first."""

    def quote(self, line: str, member: str = MEMBER) -> dict[str, Any]:
        """The whole answer for a basket of `member` at the line's first word."""
        when, *rest = line.split()
        self.until(when)
        asked = cast("Purchase", told(f"{when} buy quote {' '.join(rest)}", member))
        return quote(self.simulation, asked, at(when))

    def pays(self, line: str, member: str = MEMBER) -> int:
        """What the basket costs in all, in minor units."""
        return int(self.quote(line, member)["after_minor"])

    def why(self, rule: str, line: str, member: str = MEMBER) -> str:
        """What is said of a price rule."""
        return next(str(one["why"]) for one in self.quote(line, member)["rules"] if one["rule"] == rule)

    def may(self, right: str, when: str, member: str = MEMBER) -> tuple[bool, str]:
        """Whether a member has a right at an instant, and why."""
        rights = self.quote(f"{when} 0.01", member)["entitlements"]
        return next((one["granted"], one["why"]) for one in rights if one["entitlement"] == right)
