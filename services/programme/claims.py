"""What a price or an entitlement asks of the member at an instant, and its answer: yes or no, with the reason.

A claim is conditions as rules have them (services/programme/conditions.py), things that the member must have, and fees
that were paid for a term. A condition is asked key by key here, so that the answer can say which one it turned on. Does
not own what is granted (services/programme/entitlements.py, services/programme/pricing). Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, NamedTuple

import msgspec
from pydantic import Field

from events.values import Code, NaturalInt, instant
from services.programme.calendar import NEVER, day_of, end_after_months
from services.programme.conditions import Condition, Known, faults
from services.programme.mechanic import Basket, Meter
from services.programme.policies import Closed
from services.programme.predicates import Predicate, predicate
from services.programme.words import counted, money


class Paid(Closed):
    """A fee that buys a term: the status of this name, set when it is paid."""

    status: Code
    months: Annotated[int, Field(ge=1, le=1200)]
    """From the day of the payment to the end of the same day so many months later. Paid again before that, the next
    term begins where this one ends, and its months too are counted from the first day; the second payment is a status
    with another value, such as its receipt."""
    fee_minor: NaturalInt | None = None
    """What it costs, for those who read the answer."""


class Claim(Closed):
    """Everything that stands here must hold."""

    when: Condition | None = None
    unless: Condition | None = None
    holds: Annotated[tuple[Code, ...], Field(min_length=1)] | None = None
    """Units that rules give, such as a card: the member has one of each."""
    paid: Paid | None = None


class Answer(NamedTuple):
    """Yes or no, and why, as the middle of a sentence."""

    granted: bool
    why: str


class Asked(msgspec.Struct, frozen=True):
    """One key of a condition, with what to say of it."""

    test: Predicate
    yes: str
    no: str


class BoundClaim(msgspec.Struct, frozen=True):
    """A claim, compiled."""

    asks: tuple[Asked, ...]
    bars: tuple[Asked, ...]
    holds: tuple[str, ...]
    paid: Paid | None
    known: Known
    currency: str

    def answer(self, basket: Basket, units: Mapping[str, int]) -> Answer:
        """Of the member whose basket it is (it may be empty), at the basket's instant; `units` are what they have."""
        yes: list[str] = []
        for ask in self.asks:
            if not ask.test(basket):
                return Answer(False, ask.no)
            yes.append(ask.yes)
        for bar in self.bars:
            if bar.test(basket):
                return Answer(False, bar.yes)
        for unit in self.holds:
            if units.get(unit, 0) <= 0:
                return Answer(False, f"the member has no {unit}")
            yes.append(f"the member has {unit}")
        if self.paid is not None:
            granted, why = self._paid(self.paid, basket)
            if not granted:
                return Answer(False, why)
            yes.append(why)
        return Answer(True, ", ".join(yes) or "everybody has it")

    def _paid(self, paid: Paid, basket: Basket) -> Answer:
        fee = "" if paid.fee_minor is None else f" ({money(paid.fee_minor, self.currency)})"
        spans = basket.context.statuses.get(paid.status, ()) if basket.context is not None else ()
        end_ms, until_ms, begun, first, months = -NEVER, NEVER, False, 0, 0
        for from_ms, span_ends_ms, _ in spans:
            if from_ms > basket.at_ms:
                break
            begun = True
            if from_ms != until_ms or from_ms >= end_ms:  # nothing that it could follow
                first, months = day_of(from_ms, self.known.zone), 0
            months += paid.months
            end_ms, until_ms = end_after_months(first, months, self.known.zone), span_ends_ms
        end_ms = min(end_ms, until_ms)
        if not begun:
            return Answer(False, f"{paid.status}{fee} was not paid")
        if end_ms <= basket.at_ms:
            return Answer(False, f"the term of {paid.status}{fee} ended at {instant(end_ms)}")
        return Answer(True, f"{paid.status} was paid, to {instant(end_ms)}")


def bind(claim: Claim, meter: Meter, known: Known, currency: str) -> BoundClaim:
    """A sound claim, compiled."""
    asks = tuple(_asked(claim.when, meter, known, currency)) if claim.when else ()
    bars = tuple(_asked(claim.unless, meter, known, currency)) if claim.unless else ()
    return BoundClaim(asks, bars, claim.holds or (), claim.paid, known, currency)


def claim_faults(
    claim: Claim, path: tuple[int | str, ...], known: Known, units: frozenset[str]
) -> Iterator[tuple[tuple[int | str, ...], str]]:
    """What is wrong with a claim beside the rest of the file: the path, and what to write instead."""
    for key, condition in (("when", claim.when), ("unless", claim.unless)):
        if condition is not None:
            yield from faults(condition, (*path, key), known)
    for index, unit in enumerate(claim.holds or ()):
        if unit not in units:
            instead = f"write one of {', '.join(sorted(units))}" if units else "add a rule that gives it"
            yield (*path, "holds", index), f"no rule gives a {unit}; {instead}"


def _asked(condition: Condition, meter: Meter, known: Known, currency: str) -> Iterator[Asked]:
    for key, value in condition.asked.items():
        if key == "conditions":
            for name in value:
                yield from _asked(known.named[name], meter, known, currency)
            continue
        test = predicate(Condition.model_validate({key: value}), None, meter, known)
        assert test is not None
        words = _words(key, value, currency)
        yes, no = _SENTENCES.get(key, _OTHER)
        yield Asked(test, yes.format(words), no.format(words))


def said(condition: Condition, known: Known, currency: str) -> Iterator[str]:
    """What a condition asks for, key by key, each as the middle of a sentence."""
    for key, value in condition.asked.items():
        if key == "conditions":
            for name in value:
                yield from said(known.named[name], known, currency)
        else:
            yield _SENTENCES.get(key, _OTHER)[0].format(_words(key, value, currency))


def _words(key: str, value: Any, currency: str) -> str:
    if key == "basket":
        low, high = value.from_minor, value.below_minor
        parts = [f"{money(low, currency)} or more"] if low is not None else []
        parts += [f"less than {money(high, currency)}"] if high is not None else []
        return " and ".join(parts) + counted(value)
    if key == "birthday":
        return f"{value.days_before} days before to {value.days_after} days after the birthday"
    if isinstance(value, dict):
        return ", ".join(f"{name} {' or '.join(values)}" for name, values in value.items())
    return " or ".join(value) if isinstance(value, tuple) else str(value)


_SENTENCES = {
    "dates": ("the day is in {}", "the day is not in {}"),
    "partners": ("it is bought at {}", "it is not bought at {}"),
    "tiers": ("the level is {}", "the level is not {}"),
    "weekdays": ("the day is {}", "the day is not {}"),
    "stores": ("the store is {}", "the store is not {}"),
    "regions": ("the region is {}", "the region is not {}"),
    "channels": ("the channel is {}", "the channel is not {}"),
    "codes": ("the code {} was shown", "the code {} was not shown"),
    "basket": ("the basket comes to {}", "the basket does not come to {}"),
    "hours": ("the time is {}", "the time is not {}"),
    "groups": ("the member is in {}", "the member is not in {}"),
    "segments": ("the segment is {}", "the segment is not {}"),
    "status": ("the member has {}", "the member does not have {}"),
    "tenure_months": ("a member for {} months", "not yet a member for {} months"),
    "birthday": ("it is {}", "it is not {}"),
    "cel": ("{}", "not {}"),
    "arms": ("the member is in the arm {}", "the member is not in the arm {}"),
}
"""Key of a condition -> what to say when it holds, and when it does not."""
_OTHER = ("{} holds", "{} does not hold")
