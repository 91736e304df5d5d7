"""What is wrong with a version beside those that were published: names, rules and arms that were changed in silence.

A rule keeps its identity over versions by (id, revision): one that keeps cells may not change without another revision.
What a version may take back of a promise is asked when it is published (services/programme/promises.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import msgspec

from services.programme.caps import counting
from services.programme.conditions import meaning
from services.programme.kept import not_kept
from services.programme.mechanics import MECHANICS
from services.programme.model import ProgrammeText, RuleText, config_in, config_of
from services.programme.reading import fault_at


class Published(msgspec.Struct, frozen=True):
    """A text that is sound by itself. `name` stands for its file."""

    programme: ProgrammeText
    text: str
    name: str


def published_twice(read_ones: Sequence[Published]) -> Iterator[str]:
    """In the order of publication: what a later version has of an earlier one."""
    for what in ("version", "effective_from"):
        seen: dict[str, Published] = {}
        for one in read_ones:
            value = getattr(one.programme, what)
            first = seen.setdefault(value, one)
            if first is not one:
                why = f"{value} is published twice, first by {first.name}; every version needs its own"
                yield fault_at(one.text, (what,), why, one.name)


def between_versions(read_ones: Sequence[Published]) -> Iterator[str]:
    """What is wrong with a version beside those before it, with file and line."""
    newest: dict[str, tuple[RuleText, object]] = {}
    arms: dict[str, list[tuple[str, int]]] = {}
    for earlier, one in pairwise(read_ones):
        for path, why in not_kept(earlier.programme, one.programme):
            yield fault_at(one.text, path, why, one.name)
    yield from _turned_round(read_ones)
    for one in read_ones:
        for trial, shares in one.programme.arms.items():
            if arms.setdefault(trial, list(shares.items())) != list(shares.items()):
                why = (
                    f"{trial} has shared members out otherwise, and they would change their arms; give it another name"
                )
                yield fault_at(one.text, ("arms", trial), why, one.name)
        for index, rule in enumerate(one.programme.rules):
            now = rule, _said(one.programme, rule)
            before = newest.setdefault(rule.id, now)
            newest[rule.id] = now
            if one is read_ones[0]:
                continue  # what was before it is not at hand
            if why := _not_after(before[0], rule, first=before is now, same=before[1] == now[1]):
                yield fault_at(one.text, ("rules", index), why, one.name)


def _not_after(before: RuleText, rule: RuleText, *, first: bool, same: bool) -> str:
    """Why a rule cannot follow its newest earlier form; "" when it can."""
    mechanic = MECHANICS[rule.mechanic]
    if first:
        return "no earlier revision is there to carry; leave carry out" if rule.carry != "freeze" else ""
    if rule.mechanic != before.mechanic:
        return f"{rule.id} was a {before.mechanic}; give the {rule.mechanic} an id of its own"
    if rule.revision < before.revision:
        return f"{rule.id} has had revision {before.revision}; give this one {before.revision + 1}"
    if rule.carry != "freeze" and (was := _period(before)) != (now := _period(rule)):
        return f"cells of {rule.id} are each of a {was}, and cannot become those of a {now}; write carry: freeze"
    keeps = not (mechanic.per_purchase or mechanic.per_fact)
    if keeps and rule.revision == before.revision and not same:
        return (
            f"{rule.id} was changed; give it revision {rule.revision + 1}, and say in carry what becomes of its cells"
        )
    return ""


def _period(rule: RuleText) -> str:
    """What each cell of a cap is of; "": it is no cap."""
    mechanic = MECHANICS[rule.mechanic]
    return getattr(config_of(rule.mechanic, rule.config), "per", "day") if mechanic.gives_to == "receipts" else ""


def _turned_round(read_ones: Sequence[Published]) -> Iterator[str]:
    """Two rules of which each counts the other's points in some version: neither could be counted first."""
    edges: dict[tuple[str, str], Published] = {}
    for one in read_ones:
        for counts in counting(one.programme):
            for rule in counts.counts:
                edges[counts.rule.id, rule.id] = one
                other = edges.get((rule.id, counts.rule.id))
                if other is not None and rule.id != counts.rule.id:
                    why = f"{rule.id} stands below it in {other.name}; keep their order, or give it an id of its own"
                    yield fault_at(one.text, ("rules", counts.place), why, one.name)


def _said(programme: ProgrammeText, rule: RuleText) -> object:
    named = programme.conditions
    return config_in(programme, rule), rule.gives, meaning(rule.when, named), meaning(rule.unless, named)
