"""Redemptions: points asked for, taken without asking, held, captured, given back; vouchers and free items used."""

from __future__ import annotations

from typing import Literal

from events.facts.fact import AtShop
from events.values import Code, Count, Id, Instant, Points


class OfPoints(AtShop):
    """A fact about points that a member has."""

    unit: Code | None = None
    """A currency of points that the programme names; None: the regular points."""


class RedemptionRequested(OfPoints):
    """A till asks for points and waits for the answer. May be declined."""

    type: Literal["redemption_requested"] = "redemption_requested"
    points: Points
    hold_until: Instant | None = None
    """None: spend at once. Otherwise hold the points until they are captured or voided, or until this instant."""


class RedemptionTaken(OfPoints):
    """A till that could not ask has given the discount already. Always booked, in debt if need be."""

    type: Literal["redemption_taken"] = "redemption_taken"
    points: Points


class RedemptionCaptured(OfPoints):
    """The discount was given: held points become spent; what is not captured is released."""

    type: Literal["redemption_captured"] = "redemption_captured"
    redemption: Id
    points: Points


class RedemptionVoided(OfPoints):
    """The redemption did not happen after all: held points are released, spent ones go back to their lots."""

    type: Literal["redemption_voided"] = "redemption_voided"
    redemption: Id
    points: Points | None = None
    """None: all of it. Otherwise in part: what was taken last returns first."""


class Used(AtShop):
    """A voucher or a free item was used. A decision of the till: a fact, never asked again."""

    type: Literal["used"] = "used"
    what: Code
    """The unit that a rule gives under: `voucher`, `free-coffee` ..."""
    count: Count = 1
