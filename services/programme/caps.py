"""Whose points a rule counts that counts points: a cap, a voucher. Of several caps on the same points each counts what
those before it have left. A cap counts the points of purchases, and those of a month if it is not shorter. Pure.

Owns which rules these are, and what is wrong with them beside each other. Does not own the cut
(services/programme/mechanics/cap.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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
    counts: tuple[RuleText, ...]
    """Those, and what has the last word on their points: the caps before it that cut nothing else."""
    beside: frozenset[str]
    """The rules of months before it, where it counts none of them: what they give lies in lots of its own."""
    left_out: tuple[str, ...]
    """What it would count beside, if a cap could: rules of months, and of finds."""

    @property
    def apart(self) -> bool:
        """Whether the rules that it counts must be told apart."""
        return self.of is not None or self.rule.gives is not None or bool(self.left_out)

    @property
    def cuts(self) -> bool:
        return _cuts(self.rule)

    @property
    def of_purchases(self) -> bool:
        """Whether it counts lots of purchases alone."""
        return self.cuts and all(MECHANICS[rule.mechanic].gives_to != "month" for rule in self.counts)

    @property
    def gives_to(self) -> frozenset[str]:
        """Whose lots that may be points of which it counts."""
        giving = [rule for rule in self.counts if rule.id in self.givers or _cuts(rule)]
        return frozenset(MECHANICS[rule.mechanic].gives_to for rule in giving)


def moves_others(programmes: Sequence[ProgrammeText]) -> bool:
    """Whether a receipt may move points of others that a rule counts elsewhere than its own: in another period, under a
    condition, or under another version's rules."""
    found = [counting(programme) for programme in programmes]
    forms = {
        tuple((one.rule.id, one.rule.revision, frozenset(rule.id for rule in one.counts)) for one in of_one)
        for of_one in found
    }
    for one in (one for of_one in found for one in of_one):
        conditional = one.rule.when is not None or one.rule.unless is not None
        if "receipts" in one.gives_to and (one.cuts or conditional or len(forms) > 1):
            return True
        if "month" in one.gives_to and len(forms) > 1:
            return True
    return False


def counting(programme: ProgrammeText) -> list[Counting]:
    """The rules that count points, in the order of the file."""
    found, before = list[Counting](), list[RuleText]()
    for index, rule in enumerate(programme.rules):
        config = config_of(rule.mechanic, rule.config)
        if MECHANICS[rule.mechanic].reads_points:
            of: tuple[str, ...] | None = getattr(config, "of", None)
            may = [one for one in programme.rules[:index] if not (_cuts(rule) and _not_cut(rule, one))]
            mine = [one for one in before if one.gives == rule.gives and _names(of, one)]
            givers = frozenset(one.id for one in mine if one in may)
            months = frozenset(one.id for one in before if MECHANICS[one.mechanic].gives_to == "month")
            beside = frozenset() if givers & months else months
            cutting = [c.rule for c in found if c.cuts and c.givers - beside and c.givers - beside <= givers]
            counts = tuple(one for one in may if (one in cutting if _cuts(one) else _names(of, one)))
            left = [one.id for one in mine if one not in may and "basket" in MECHANICS[one.mechanic].kinds]
            found.append(Counting(rule, index, of, givers, counts, beside, tuple(left)))
        elif getattr(config, "unit", None) is None and getattr(config, "to", None) is None:
            before.append(rule)
    return found


def faults(programme: ProgrammeText) -> Iterator[tuple[Path, str]]:
    """What is wrong with what they count: the path, and what to write instead."""
    found = counting(programme)
    for one in found:
        path = ("rules", one.place)
        for number, name in enumerate(one.of or ()):
            if why := _not_counted(programme, one, name):
                yield (*path, one.rule.mechanic, "of", number), why
        if one.of is None and not one.givers and one.left_out:
            first = next(rule for rule in programme.rules if rule.id == one.left_out[0])
            yield path, f"{first.id} {_not_cut(one.rule, first)}, and no other rule stands before it"
        elif one.of is None and not one.givers:
            yield path, f"no rule before it gives what a {one.rule.mechanic} counts; write it below those that do"
        for cap in found[: found.index(one)] if one.cuts else ():
            others = cap.givers - one.givers - one.beside
            if cap.cuts and others and cap.givers & one.givers:
                higher = f", or write it above {cap.rule.id}" if one.givers < cap.givers else ""
                names = ", ".join(sorted(others))
                yield path, f"{cap.rule.id} cuts these points together with those of {names}; name these too{higher}"


def _not_counted(programme: ProgrammeText, one: Counting, name: str) -> str:
    """Why a rule may not name another one, or a group; "": it may."""
    meant = [rule for rule in programme.rules[: one.place] if name in (rule.id, rule.group)]
    if not meant:
        return f"no rule or group {name} stands before it; write it higher"
    if one.cuts and all(why := [_not_cut(one.rule, rule) for rule in meant]):
        return f"{name} {why[0]}; leave it out"
    if any(rule.id in one.givers for rule in meant) or (one.givers and MECHANICS[meant[0].mechanic].reads_points):
        return ""
    if MECHANICS[meant[0].mechanic].reads_points:
        return f"{name} gives no points of its own; name those that do"
    other = meant[0].gives
    if other == one.rule.gives:
        return f"{name} gives the member no points; leave it out"
    return f"{name} gives {other or 'regular points'}; " + (f"write gives: {other}" if other else "leave gives out")


def _cuts(rule: RuleText) -> bool:
    return MECHANICS[rule.mechanic].reads_points and not MECHANICS[rule.mechanic].draws


def _not_cut(cap: RuleText, rule: RuleText) -> str:
    """Why a cap does not count a rule's points; "": it does, as far as the rule gives any."""
    per = getattr(config_of(cap.mechanic, cap.config), "per", "day")
    gives_to = MECHANICS[rule.mechanic].gives_to
    if "basket" not in MECHANICS[rule.mechanic].kinds or gives_to == "none":
        return "gives its points for no purchase, and a cap counts those of purchases"
    if gives_to == "month" and per in ("day", "week"):
        return f"gives its points for a month, and no {per} has a part of them"
    if gives_to == "month" and (cap.when, cap.unless) not in ((None, None), (rule.when, rule.unless)):
        return "gives its points for a month, in which not all may meet the cap's condition"
    return ""


def _names(of: tuple[str, ...] | None, rule: RuleText) -> bool:
    return of is None or rule.id in of or rule.group in of
