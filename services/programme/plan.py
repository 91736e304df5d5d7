"""What a fact is rated by: the published versions in the order of effect, and which one is in force at an instant.

A version is in force from its own instant until the next one begins. Owns the values and the questions that are asked
of them; they are made in services/programme/compile.py.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

import msgspec

from events.facts.purchases import Line
from services.programme.calendar import NEVER, day_of
from services.programme.entitlements import Entitlement
from services.programme.index import ByPartner, Index
from services.programme.mechanic import Basket, Change, Context, Mechanic, Meter
from services.programme.policies import Shortfall
from services.programme.pricing.price import PriceList
from services.programme.rule import Rule
from services.programme.timeline import TierRule, Timeline


class Version(msgspec.Struct, frozen=True):
    """One programme version, compiled."""

    name: str
    starts_ms: int
    currency: str
    zone: str
    partners: frozenset[str]
    levels: tuple[str, ...]
    """Names of the tier's levels, the lowest first; one where there is no tier."""
    meter: Meter
    tier: TierRule | None
    rules: dict[str, tuple[Rule, ...]]
    """By fact type; "basket" for every change of a basket. In the file's order. A type that no rule reads is absent."""
    store_zones: dict[str, str]
    """Store -> its zone, where it is not the programme's."""
    late_days: int
    returns: Literal["protected", "strict"]
    shortfall: Shortfall
    after_expiry: Literal["original", "grace", "reissue"]
    grace_days: int
    """With after_expiry "grace"; else 0."""
    late_capture: Literal["book", "refuse"]
    transfer_fee_percent: int
    mechanics: dict[str, Mechanic] = {}
    """By id@revision, those of groups among them: who wants to say what a rule gives for asks here."""
    prices: PriceList = PriceList()
    entitlements: tuple[Entitlement, ...] = ()
    currencies: dict[str, int] = {}
    """Points beside the regular ones -> their decimals."""
    contextual: bool = False
    """Whether a rule's condition asks whose a receipt is, where or how it was made: then baskets want their context."""
    index: Index[Rule] | ByPartner[Rule] = ByPartner(())
    """Of the rules of baskets."""
    carried: tuple[Rule, ...] = ()
    """Rules of earlier versions whose cells are taken over when this one begins: see services/programme/carried.py."""
    lots_last_ms: int = 0
    """The lots that a basket touches do not end before so long after it (0: nothing is known), so that what comes back
    within this time needs no breakage (services/book/needs.py)."""
    counting: tuple[Rule, ...] = ()
    """Derived: of the rules of baskets, those that count points."""
    points_decimals: int = 0
    """How many decimals amounts of points have when a person reads them."""

    def basket(
        self,
        purchase: str,
        at_ms: int,
        lines: tuple[Line, ...],
        tier: int,
        partner: str | None,
        store: str | None,
        context: Context | None = None,
    ) -> Basket:
        """A receipt as this version rates it, in the level `tier`. `context` only where the version is contextual."""
        day = day_of(at_ms, self.zone)
        store_day = day_of(at_ms, self.store_zones[store]) if store in self.store_zones else day
        return Basket(purchase, at_ms, day, store_day, lines, tier, partner or "", self.meter.measure(lines), context)

    def touched(self, change: Change) -> Sequence[Rule]:
        """The rules of baskets that a change may touch, in the file's order."""
        return self.index.touched(change.before, change.after)


class Plan(msgspec.Struct, frozen=True):
    """Every version that was published, by its beginning."""

    versions: tuple[Version, ...]
    starts_ms: tuple[int, ...]
    carries: tuple[tuple[int, tuple[str, ...]], ...] = ()
    """Derived: when versions begin that take cells over, ascending, and from which rules."""
    levels_ms: tuple[int, ...] = ()
    """Derived: when versions begin that count levels otherwise than the one before, ascending."""
    draws: bool = False
    """Derived: whether any rule draws on lots."""
    by_lot: bool = False
    """Whether a receipt may move points of others that are counted where they belong (services/programme/by_lot.py)."""
    currencies: bool = False
    """Derived: whether there are points beside the regular ones."""
    tells: bool = False
    """Derived: whether any version has partners who are told."""
    by_period: dict[str, Mechanic] = {}
    """Derived: by id@revision, the mechanics whose cells are each of a period."""
    newest_ms: int = NEVER
    """Derived: when the newest version begins; NEVER: there is none."""

    def __post_init__(self) -> None:
        carries = tuple((v.starts_ms, tuple(rule.name for rule in v.carried)) for v in self.versions if v.carried)
        draws = any(rule.mechanic.draws for v in self.versions for rules in v.rules.values() for rule in rules)
        msgspec.structs.force_setattr(self, "carries", carries)
        levels = tuple(now.starts_ms for was, now in pairwise(self.versions) if _other_levels(was.tier, now.tier))
        msgspec.structs.force_setattr(self, "levels_ms", levels)
        msgspec.structs.force_setattr(self, "draws", draws)
        msgspec.structs.force_setattr(self, "currencies", any(version.currencies for version in self.versions))
        msgspec.structs.force_setattr(self, "tells", any(version.partners for version in self.versions))
        by_period = {name: one for v in self.versions for name, one in v.mechanics.items() if one.by_period}
        msgspec.structs.force_setattr(self, "by_period", by_period)
        msgspec.structs.force_setattr(self, "newest_ms", self.starts_ms[-1] if self.starts_ms else NEVER)

    @property
    def zone(self) -> str:
        """The zone of the newest version: in which days end."""
        return self.versions[-1].zone if self.versions else "UTC"

    @property
    def partners(self) -> tuple[str, ...]:
        """Every partner of every version, sorted."""
        return tuple(sorted({partner for version in self.versions for partner in version.partners}))

    def at(self, instant_ms: int) -> Version | None:
        """The version in force at an instant; None before the first one."""
        if instant_ms >= self.newest_ms:
            return self.versions[-1]
        index = bisect_right(self.starts_ms, instant_ms)
        return self.versions[index - 1] if index else None

    def of(self, instant_ms: int) -> Version:
        """The version in force at an instant of a rated purchase."""
        version = self.at(instant_ms)
        assert version is not None
        return version

    def begun_ms(self, instant_ms: int) -> int:
        """When the version began that is in force at an instant; -NEVER before the first one."""
        if instant_ms >= self.newest_ms:
            return self.newest_ms
        index = bisect_right(self.starts_ms, instant_ms)
        return self.starts_ms[index - 1] if index else -NEVER

    def begin_levels(self, timeline: Timeline, index: int) -> None:
        """Let a version take over the levels, at its own instant."""
        before = self.versions[index - 1].tier if index else None
        if before is not None:
            timeline.roll(self.starts_ms[index], before)
            timeline.begin(before, self.versions[index].tier, self.starts_ms[index])

    def tier_of(self, bought: Version, day: int, at_ms: int) -> TierRule | None:
        """The rule in force at an instant for the spend of a day under an earlier version. None: that spend had ceased
        to count when a version in between began."""
        rule = bought.tier
        for version in self.versions[bisect_right(self.starts_ms, bought.starts_ms) :]:
            if version.starts_ms > at_ms:
                break
            if rule is None or rule.matters_until(day + rule.lag_days) <= version.starts_ms:
                return None
            rule = version.tier
        return rule


def _other_levels(was: TierRule | None, now: TierRule | None) -> bool:
    """Whether levels that members have are counted anew."""
    return was is not None and (now is None or not now.counts_like(was))
