"""Entitlements: rights that come with a level, a group, a fee, an invitation (M08, M09, M18, M30). Yes or no, and why.

Owns the `entitlements` of the programme file. A right is asked for at an instant and kept nowhere: the facts that it
rests on are dated. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Self

import msgspec
from pydantic import Field, model_validator

from events.values import Code, Sentence
from services.programme.claims import Answer, BoundClaim, Claim, bind
from services.programme.conditions import Known
from services.programme.mechanic import Basket, Meter


class EntitlementText(Claim):
    """One right, as written: its own claim, or one of several."""

    id: Code
    what: Sentence | None = None
    """In a customer's words."""
    any: Annotated[tuple[Claim, ...], Field(min_length=1)] | None = None
    """One of these claims is enough, in place of keys beside the id."""

    @model_validator(mode="after")
    def _one_or_several(self) -> Self:
        if self.any is not None and any((self.when, self.unless, self.holds, self.paid)):
            raise ValueError("write when, unless, holds and paid inside the claims of any, or leave any out")
        return self

    def claims(self) -> tuple[Claim, ...]:
        """The ways to the right."""
        return self.any or (self,)

    def paths(self) -> tuple[tuple[int | str, ...], ...]:
        """Where each of them stands below the right."""
        return tuple(("any", number) for number in range(len(self.any))) if self.any else ((),)


class Entitlement(msgspec.Struct, frozen=True):
    """A right, compiled."""

    id: str
    what: str
    ways: tuple[BoundClaim, ...]

    def answer(self, basket: Basket, units: Mapping[str, int]) -> Answer:
        """Whether the member of a basket has the right at the basket's instant, and why."""
        said = [way.answer(basket, units) for way in self.ways]
        granted = next((one for one in said if one.granted), None)
        return granted or Answer(False, "; ".join(one.why for one in said))


def entitlement(text: EntitlementText, meter: Meter, known: Known, currency: str) -> Entitlement:
    """A sound text, compiled."""
    ways = tuple(bind(claim, meter, known, currency) for claim in text.claims())
    return Entitlement(text.id, text.what or text.id, ways)
