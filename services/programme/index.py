"""Which of a version's many rules a receipt can touch: those for its store, its partner, the items and
categories of its lines.

A rule stands under the rarest thing without which it gives nothing, or, where there is none, is asked of every receipt.
So a receipt pays for the rules that can touch it, and not for the programme's length. A few rules are told apart by the
partner alone: asking them all costs less. Pure. Does not own what touching means (rate.py): a rule that is picked may
still give nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Generic, NamedTuple, TypeVar

from services.programme.mechanic import Basket, Sums

FEW = 24
"""So many rules are asked one after the other."""

R = TypeVar("R")


class Needs(NamedTuple):
    """Without one of each of these a rule gives nothing; None: it needs none of that kind."""

    stores: frozenset[str] | None = None
    partners: frozenset[str] | None = None
    measure: int | None = None
    """The sum of lines that must not be 0: which lines count for it, their items and categories say."""


class ByPartner(Generic[R]):
    """A few rules: those for other partners are left out, the others are asked one after the other."""

    def __init__(self, rules: Iterable[tuple[R, Needs]]) -> None:
        known = list(rules)
        partners = {partner for _, needs in known for partner in needs.partners or ()}
        self._all = [rule for rule, _ in known]
        self._nowhere = [rule for rule, needs in known if needs.partners is None]
        self._of = {
            partner: [rule for rule, needs in known if needs.partners is None or partner in needs.partners]
            for partner in partners
        }

    def touched(self, before: Basket | None, after: Basket | None) -> list[R]:
        """The rules that a change of a basket can touch, in their order."""
        basket = after if after is not None else before
        if basket is None or (before is not None and before.partner != basket.partner):
            return self._all
        return self._of.get(basket.partner, self._nowhere)


class Index(Generic[R]):
    """Rules by what they need, in their order. Each stands in one place."""

    def __init__(self, rules: Iterable[tuple[R, Needs]]) -> None:
        self._rules: list[R] = []
        self._always: list[int] = []
        self._stores: dict[str, list[int]] = {}
        self._partners: dict[str, list[int]] = {}
        self._measures: dict[int, list[int]] = {}
        for number, (rule, (stores, partners, measure)) in enumerate(rules):
            self._rules.append(rule)
            if stores is not None:
                for store in stores:
                    self._stores.setdefault(store, []).append(number)
            elif partners is not None:
                for partner in partners:
                    self._partners.setdefault(partner, []).append(number)
            elif measure is not None:
                self._measures.setdefault(measure, []).append(number)
            else:
                self._always.append(number)

    def touched(self, before: Basket | None, after: Basket | None) -> list[R]:
        """The rules that a change of a basket can touch, in their order."""
        found = self._always[:]
        if before is not None:
            found += self._of(before)
        if after is not None:
            found += self._of(after)
        if before is not None and after is not None:
            found = list(set(found))
        found.sort()
        rules = self._rules
        return [rules[number] for number in found]

    def _of(self, basket: Basket) -> list[int]:
        found: list[int] = []
        context, measures, there = basket.context, basket.measures, self._measures
        if context is not None and context.store in self._stores:
            found += self._stores[context.store]
        if basket.partner in self._partners:
            found += self._partners[basket.partner]
        for index in measures if isinstance(measures, Sums) else [i for i, total in enumerate(measures) if total]:
            if index in there:
                found += there[index]
        return found
