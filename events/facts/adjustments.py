"""Adjustments: points that a person gives or takes by hand, with a reason; also opening balances."""

from __future__ import annotations

from typing import Literal

from events.facts.fact import AtShop
from events.facts.redemptions import OfPoints
from events.values import Id, Instant, PointsMoved, Sentence


class AdjustedContent(OfPoints):
    """So many points, by whom and why."""

    type: Literal["adjusted"] = "adjusted"
    points: PointsMoved
    reason: Sentence
    actor: Id
    """Who did it."""
    expires_at: Instant | None = None
    """When points that were given end (exclusive); None: as the programme's rule for adjustments says."""


class Adjusted(AdjustedContent, AtShop):
    """Points given or taken by support."""
