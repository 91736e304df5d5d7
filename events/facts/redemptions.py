"""Redemptions: points asked for, taken without asking, held, captured, given back; vouchers and free items used."""

from __future__ import annotations

from typing import Literal

from events.facts.fact import AtShop
from events.model import Model
from events.values import Code, Count, Id, Instant, Points


class OfPoints(Model):
    """About points that a member has."""

    unit: Code | None = None
    """A currency of points that the programme names; None: the regular points."""


class RedemptionRequestedContent(OfPoints):
    """Points, for good or until an instant."""

    type: Literal["redemption_requested"] = "redemption_requested"
    points: Points
    hold_until: Instant | None = None
    """None: spend at once. Otherwise hold the points until they are captured or voided, or until this instant."""


class RedemptionRequested(RedemptionRequestedContent, AtShop):
    """A till asks for points and waits for the answer. May be declined."""


class RedemptionTakenContent(OfPoints):
    """Points that are gone."""

    type: Literal["redemption_taken"] = "redemption_taken"
    points: Points


class RedemptionTaken(RedemptionTakenContent, AtShop):
    """A till that could not ask has given the discount already. Always booked, in debt if need be."""


class RedemptionCapturedContent(OfPoints):
    """Which hold, and how much of it is spent."""

    type: Literal["redemption_captured"] = "redemption_captured"
    redemption: Id
    points: Points


class RedemptionCaptured(RedemptionCapturedContent, AtShop):
    """The discount was given: held points become spent; what is not captured is released."""


class RedemptionVoidedContent(OfPoints):
    """Which redemption, and how much of it."""

    type: Literal["redemption_voided"] = "redemption_voided"
    redemption: Id
    points: Points | None = None
    """None: all of it. Otherwise in part: what was taken last returns first."""


class RedemptionVoided(RedemptionVoidedContent, AtShop):
    """The redemption did not happen after all: held points are released, spent ones go back to their lots."""


class UsedContent(Model):
    """What was used, and how many."""

    type: Literal["used"] = "used"
    what: Code
    """The unit that a rule gives under: `voucher`, `free-coffee` ..."""
    count: Count = 1


class Used(UsedContent, AtShop):
    """A voucher or a free item was used. A decision of the till: a fact, never asked again."""
