"""Whose points a rule counts that counts points: a cap, a voucher. Of several caps on the same points each counts what
those before it have left. Pure.

Owns which rules these are, and what is wrong with them beside each other. Does not own the cut
(services/programme/mechanics/cap.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from services.programme.mechanics import MECHANICS
from services.programme.model import ProgrammeText, RuleText, config_of
from services.programme.written import Path


class Counting(NamedTuple):
    """A rule that counts points."""

    rule: RuleText
    place: int
    of: tuple[str, ...] | None
    """The rules and groups that it names; None: all before it."""
    givers: frozenset[str]
    """Of those before it, the rules that give what it counts: points of its currency, to the member."""

    @property
    def cuts(self) -> bool:
        return not MECHANICS[self.rule.mechanic].draws


def counting(programme: ProgrammeText) -> list[Counting]:
    """The rules that count points, in the order of the file."""
    found, before = [], list[RuleText]()
    for index, rule in enumerate(programme.rules):
        config = config_of(rule.mechanic, rule.config)
        if MECHANICS[rule.mechanic].reads_points:
            of: tuple[str, ...] | None = getattr(config, "of", None)
            mine = (one for one in before if one.gives == rule.gives and _names(of, one))
            found.append(Counting(rule, index, of, frozenset(one.id for one in mine)))
        elif getattr(config, "unit", None) is None and getattr(config, "to", None) is None:
            before.append(rule)
    return found


def counted(programme: ProgrammeText) -> dict[str, frozenset[str]]:
    """Rule that counts points -> names of those that it counts, the caps among them that cut nothing else. A rule of
    regular points that counts all before it is not there."""
    found, names = counting(programme), {rule.id: f"{rule.id}@{rule.revision}" for rule in programme.rules}
    return {
        one.rule.id: frozenset(
            names[rule.id]
            for rule in programme.rules[: one.place]
            if _names(one.of, rule) or any(c.rule is rule and c.cuts and c.givers <= one.givers for c in found)
        )
        for one in found
        if one.of is not None or one.rule.gives is not None
    }


def faults(programme: ProgrammeText) -> Iterator[tuple[Path, str]]:
    """What is wrong with what they count: the path, and what to write instead."""
    found = counting(programme)
    for one in found:
        path = ("rules", one.place)
        for number, name in enumerate(one.of or ()):
            if why := _not_counted(programme, one, name):
                yield (*path, one.rule.mechanic, "of", number), why
        if one.of is None and not one.givers:
            yield path, f"no rule before it gives what a {one.rule.mechanic} counts; write it below those that do"
        for cap in found[: found.index(one)] if one.cuts else ():
            others = cap.givers - one.givers
            if cap.cuts and others and cap.givers & one.givers and cap.rule.id not in (one.of or ()):
                higher = f", or write it above {cap.rule.id}" if one.givers < cap.givers else ""
                names = ", ".join(sorted(others))
                yield path, f"{cap.rule.id} cuts these points together with those of {names}; name these too{higher}"


def _not_counted(programme: ProgrammeText, one: Counting, name: str) -> str:
    """Why a rule may not name another one, or a group; "": it may."""
    named = [rule for rule in programme.rules[: one.place] if name in (rule.id, rule.group)]
    if not named:
        return f"no rule or group {name} stands before it; write it higher"
    if one.cuts and not any("basket" in MECHANICS[rule.mechanic].kinds for rule in named):
        return f"{name} gives its points for no purchase, and a cap counts those of purchases; leave it out"
    if any(rule.id in one.givers or MECHANICS[rule.mechanic].reads_points for rule in named):
        return ""
    other = named[0].gives
    if other == one.rule.gives:
        return f"{name} gives the member no points; leave it out"
    return f"{name} gives {other or 'regular points'}; " + (f"write gives: {other}" if other else "leave gives out")


def _names(of: tuple[str, ...] | None, rule: RuleText) -> bool:
    return of is None or rule.id in of or rule.group in of
