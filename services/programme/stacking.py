"""How the rules of a group are taken together: as one, or one shutting out the others.

Rules in the file's order in, rules in the order of rating out. What a stack gives is services/programme/rate.py's.
"""

from __future__ import annotations

import msgspec

from services.programme.mechanic import Basket
from services.programme.model import ProgrammeText
from services.programme.predicates import Predicate
from services.programme.rule import Rule, Stack


def grouped(programme: ProgrammeText, rules: list[Rule]) -> list[Rule]:
    """A group that is rated as one stands where the last of its rules does."""
    members: dict[str, list[Rule]] = {}
    for text, rule in zip(programme.rules, rules, strict=True):
        if text.group is not None and (programme.groups[text.group].together):
            members.setdefault(text.group, []).append(rule)
    last = {group[-1].name: name for name, group in members.items()}
    alone = {rule.name for group in members.values() for rule in group} - last.keys()
    return [_stacked(programme, last[rule.name], members, rule) if rule.name in last else rule
            for rule in rules if rule.name not in alone]  # fmt: skip


def _stacked(programme: ProgrammeText, name: str, members: dict[str, list[Rule]], rule: Rule) -> Rule:
    group, measures = programme.groups[name], {member.measure for member in members[name]}
    return Rule(
        name,
        rule.mechanic,
        measures.pop() if len(measures) == 1 else None,
        unit=rule.unit,
        stack=Stack(tuple(members[name]), group.stack == "best", group.at_most),
    )


def shut_out(programme: ProgrammeText, rules: list[Rule]) -> list[Rule]:
    """Of an exclusive group a rule counts only those baskets that no rule before it counts: one of which its condition
    holds, and that has lines which count for it."""
    before: dict[str, list[Rule]] = {}
    found = []
    for text, rule in zip(programme.rules, rules, strict=True):
        first: tuple[Rule, ...] = ()
        if text.group is not None and programme.groups[text.group].stack == "exclusive":
            earlier = before.setdefault(text.group, [])
            first = tuple(earlier)
            earlier.append(rule)
        found.append(msgspec.structs.replace(rule, when=_none_of(first, rule.when)) if first else rule)
    return found


def _none_of(first: tuple[Rule, ...], when: Predicate | None) -> Predicate:
    def holds(basket: Basket) -> bool:
        for rule in first:
            if (rule.measure is None or basket.measures[rule.measure]) and (rule.when is None or rule.when(basket)):
                return False
        return when is None or when(basket)

    return holds
