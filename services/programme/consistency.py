"""What is wrong with a part of the programme file beside its other parts, where each is sound by itself.

A path in the file and what to write instead, for each. Owns no model; the lines are services/programme/reading.py's.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from services.programme import caps
from services.programme.claims import claim_faults
from services.programme.conditions import cycles, faults, reads_basket
from services.programme.mechanic import POINTS, Mechanic
from services.programme.mechanics import MECHANICS
from services.programme.model import ProgrammeText, RuleText, config_of, known_of


def between_parts(programme: ProgrammeText) -> Iterator[tuple[tuple[int | str, ...], str]]:
    """What is wrong with a rule beside the others: the path, and why."""
    ids = [rule.id for rule in programme.rules]
    for group in programme.groups:
        if group in ids:
            yield ("groups", group), f"{group} is a rule's id; give the group a name of its own"
    for index, name in enumerate(programme.retired):
        if name in ids:
            yield ("retired", index), f"{name} is among the rules; take it out of one of them"
    yield from _conditions(programme)
    yield from _claims(programme)
    yield from caps.faults(programme)
    units: dict[str, str] = {}
    for index, rule in enumerate(programme.rules):
        mechanic, path = MECHANICS[rule.mechanic], ("rules", index)
        stateless = mechanic.per_purchase or mechanic.per_fact
        if rule.group is not None and rule.group not in programme.groups:
            yield (*path, "group"), f"there is no group {rule.group}; add it under groups, as sum or best"
        elif rule.group is not None and programme.groups[rule.group].together and not mechanic.per_purchase:
            yield (*path, "group"), f"a {rule.mechanic} counts more than one basket, so it cannot be taken with others"
        elif rule.group is not None and programme.groups[rule.group].stack == "exclusive" and not _counts(mechanic):
            yield (*path, "group"), f"a {rule.mechanic} does not go by the basket, so nothing shuts it out"
        if rule.carry != "freeze" and stateless:
            yield (*path, "carry"), f"a {rule.mechanic} keeps nothing that could be carried; leave carry out"
        elif rule.carry != "freeze" and mechanic.gives_away:
            yield (*path, "carry"), f"what a {rule.mechanic} gave is another member's, and stays; leave carry out"
        elif rule.carry != "freeze" and not rule.revision:
            yield (*path, "carry"), "the first revision has nothing to carry; leave carry out, or raise the revision"
        yield from _gives(programme, rule, path)
        levels = 1 + len(programme.tier.levels) if programme.tier is not None else 1
        if len(percent := getattr(config_of(rule.mechanic, rule.config), "tier_percent", None) or ()) > levels:
            why = f"{len(percent)} percentages for {levels} levels; write one for each, the last for all above"
            yield (*path, rule.mechanic, "tier_percent"), why
        if (never := _never(rule)) is not None:
            yield (
                (*path, "unless", never),
                "shuts out all that when asks for, so the rule never counts; take one of them out",
            )
        unit = getattr(config_of(rule.mechanic, rule.config), "unit", None)
        if unit == POINTS:
            why = f"{POINTS} are the regular points themselves; write points, or give the thing a name of its own"
            yield (*path, rule.mechanic, "unit"), why
        elif unit is not None and units.setdefault(unit, rule.id) != rule.id:
            yield (*path, rule.mechanic, "unit"), f"{units[unit]} gives the unit {unit} already; name another one"


def _never(rule: RuleText) -> str | None:
    """A key of `unless` that leaves nothing of what `when` asks for. None: none does."""
    if rule.when is None or rule.unless is None:
        return None
    bars = rule.unless.asked
    for key, asked in rule.when.asked.items():
        if isinstance(asked, tuple) and set(asked) <= set(bars.get(key, ())):
            return key
    return None


def _gives(programme: ProgrammeText, rule: RuleText, path: tuple[int | str, ...]) -> Iterator[tuple[Any, str]]:
    """What is wrong with the currency of a rule."""
    if rule.gives is not None and rule.gives not in programme.currencies:
        yield (*path, "gives"), f"there is no {rule.gives} under currencies; add it there, with its decimals"
    if rule.gives is not None and (
        rule.mechanic == "referral" or getattr(config_of(rule.mechanic, rule.config), "to", None)
    ):
        yield (*path, "gives"), "what goes to another account is regular points; leave gives out"
    if rule.gives is not None and rule.mechanic == "adjustment":
        yield (*path, "gives"), "an adjusted fact says its currency itself, as unit; leave gives out"
    if rule.group is not None and rule.group in programme.groups and programme.groups[rule.group].together:
        first = next(other for other in programme.rules if other.group == rule.group)
        if first.gives != rule.gives:
            yield (
                (*path, "gives"),
                f"rules of {rule.group} are taken together and must give the same; {first.id} does not",
            )


def _counts(mechanic: type[Mechanic]) -> bool:
    return "basket" in mechanic.kinds and not mechanic.reads_points


def _conditions(programme: ProgrammeText) -> Iterator[tuple[tuple[int | str, ...], str]]:
    """What is wrong with conditions beside what they name, and beside the mechanic that they stand with."""
    known, named = known_of(programme), programme.conditions
    for name, condition in named.items():
        yield from faults(condition, ("conditions", name), known)
    if circles := list(cycles(named)):
        yield from circles
        return
    for index, rule in enumerate(programme.rules):
        mechanic = MECHANICS[rule.mechanic]
        for key, asked in (("when", rule.when), ("unless", rule.unless)):
            path = ("rules", index, key)
            wrong = [] if asked is None else list(faults(asked, path, known))
            yield from wrong
            if wrong or not reads_basket(asked, named):
                continue
            if mechanic.reads_points:
                yield path, f"a {rule.mechanic} counts points; ask for a basket at the rules that give them"
            elif "basket" not in mechanic.kinds:
                yield path, f"a {rule.mechanic} reads no basket; leave basket out"


def _claims(programme: ProgrammeText) -> Iterator[tuple[tuple[int | str, ...], str]]:
    """What is wrong with prices and entitlements beside what they name."""
    known = known_of(programme)
    configs = [config_of(rule.mechanic, rule.config) for rule in programme.rules]
    units = frozenset(unit for config in configs if (unit := getattr(config, "unit", None)) is not None)
    rights = {right.id for right in programme.entitlements}
    for index, right in enumerate(programme.entitlements):
        for claim, path in zip(right.claims(), right.paths(), strict=True):
            yield from claim_faults(claim, ("entitlements", index, *path), known, units)
    for index, rule in enumerate(programme.price):
        yield from claim_faults(rule, ("price", index), known, units)
        for number, name in enumerate(rule.entitled or ()):
            if name not in rights:
                yield ("price", index, "entitled", number), f"there is no {name} under entitlements; add it there"
        if rule.group is not None and rule.group not in programme.groups:
            why = f"there is no group {rule.group}; add it under groups, as sum, best or exclusive"
            yield ("price", index, "group"), why
        elif rule.group is not None and programme.groups[rule.group].at_most is not None:
            yield ("price", index, "group"), "at_most is of points; give the prices a group of their own without it"
