"""Statuses: what holds of a member from an instant on.

A group joined, a segment, an invitation, a fee paid, a birthday. What they mean the programme says, in the conditions
of its rules.
"""

from __future__ import annotations

from typing import Literal

from events.facts.fact import AtShop
from events.model import Model
from events.values import Code, Instant, Label


class StatusSetContent(Model):
    """Which status, its value, and until when."""

    type: Literal["status_set"] = "status_set"
    status: Code
    value: Label | None = None
    """None: that it holds is all there is to say."""
    until: Instant | None = None
    """When it ends by itself (exclusive); None: when it is set anew or ended."""


class StatusSet(StatusSetContent, AtShop):
    """The status has this value from now on; what it had before ends."""


class StatusEndedContent(Model):
    """Which status."""

    type: Literal["status_ended"] = "status_ended"
    status: Code


class StatusEnded(StatusEndedContent, AtShop):
    """The status holds no longer. One that does not hold stays so."""
