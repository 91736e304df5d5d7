"""From published programme texts to what a fact is rated by: versions in order of effect, rules bound to their config.

A version is in force from its own instant until the next one begins. A rule keeps its identity over versions by
(id, revision): its cells go on; a new revision begins with cells of its own.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

import msgspec

from events.values import millis
from services.programme.mechanic import Frame, Mechanic, Meter
from services.programme.mechanics import MECHANICS
from services.programme.model import ProgrammeError, ProgrammeText, Tier, config_of, read
from services.programme.timeline import TierRule


class Rule(msgspec.Struct, frozen=True):
    """A mechanic bound to its config. `name` is id@revision."""

    name: str
    mechanic: Mechanic


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
    """By fact type; "basket" for every change of a basket. In the file's order."""


class Plan(msgspec.Struct, frozen=True):
    """Every version that was published, by its beginning."""

    versions: tuple[Version, ...]
    starts_ms: tuple[int, ...]

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
        index = bisect_right(self.starts_ms, instant_ms)
        return self.versions[index - 1] if index else None


def compile_programme(texts: Sequence[str], names: Sequence[str] = ()) -> Plan:
    """The plan of all published texts, in the order of their publication. Raises ProgrammeError with every fault.

    `names` stand for the files in the faults. Two versions that begin at one instant, or share a name, are a fault.
    """
    programmes: list[ProgrammeText] = []
    faults: list[str] = []
    for index, text in enumerate(texts):
        name = names[index] if index < len(names) else f"programme {index + 1}"
        try:
            programmes.append(read(text, name))
        except ProgrammeError as error:
            faults += error.faults
    for what in ("version", "effective_from"):
        values = [getattr(p, what) for p in programmes]
        if twice := sorted({v for v in values if values.count(v) > 1}):
            faults.append(f"{what} {', '.join(twice)} is published twice; every version needs its own")
    if faults:
        raise ProgrammeError(tuple(faults))
    versions = sorted((_version(p) for p in programmes), key=lambda version: version.starts_ms)
    return Plan(tuple(versions), tuple(version.starts_ms for version in versions))


def begins_ms(text: str) -> int:
    """When the version of a sound text begins."""
    return millis(read(text).effective_from)


def _version(programme: ProgrammeText) -> Version:
    meter = Meter()
    frame = Frame(programme.zone, programme.currency)
    rules = [
        Rule(
            f"{rule.id}@{rule.revision}", MECHANICS[rule.mechanic](config_of(rule.mechanic, rule.config), meter, frame)
        )
        for rule in programme.rules
    ]
    tier = programme.tier
    kinds = {kind for rule in rules for kind in rule.mechanic.kinds} | {"basket"}
    return Version(
        name=programme.version,
        starts_ms=millis(programme.effective_from),
        currency=programme.currency,
        zone=programme.zone,
        partners=frozenset(programme.partners),
        levels=(tier.lowest, *(level.name for level in tier.levels)) if tier else ("standard",),
        meter=meter,
        tier=None if tier is None else _tier_rule(tier, meter, programme.zone),
        rules={kind: tuple(rule for rule in rules if kind in rule.mechanic.kinds) for kind in sorted(kinds)},
    )


def _tier_rule(tier: Tier, meter: Meter, zone: str) -> TierRule:
    return TierRule(
        thresholds_minor=tuple(level.from_minor for level in tier.levels),
        window_months=tier.window_months,
        zone=zone,
        measure=meter.add("minor", frozenset(tier.exclude), frozenset(tier.only)),
        hold_months=tier.hold.months if tier.hold else None,
        hold_years=tier.hold.years if tier.hold else None,
        grace_days=tier.grace_days,
        soft=tier.drop == "soft",
        lag_days=tier.pending_days or 0,
    )
