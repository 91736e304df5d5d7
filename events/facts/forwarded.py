"""Facts of a merged member on their way to the account that stays, and back if it was a mistake."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from events.facts.fact import AboutMember
from events.model import Model
from events.values import Id, NaturalInt

ID = "fwd:"
"""The ids of such records begin so, and no till's may."""

Text = Annotated[str, StringConstraints(min_length=2, max_length=8_000_000)]


class Inner(Model):
    """One fact of another account, with what became of it there. Texts are JSON."""

    fact: Text
    outcome: Text | None = None
    """None: it has just come, and is decided where it arrives."""
    given: Text | None = None
    """What partners and other members were told of it."""
    claimed_ms: NaturalInt = 0
    """When the journal took it: of two who claim one receipt, the first has it."""


class Leg(Model):
    """One merge on the way of forwarded facts: those of `member` go to `into`, because of the fact `merge`."""

    member: Id
    into: Id
    merge: Id


class Forwarded(AboutMember):
    """Facts of `sender` for `member`, each with its own id and instant; a known id is a repeat, whoever said it."""

    type: Literal["forwarded"] = "forwarded"
    sender: Id
    way: Annotated[str, StringConstraints(pattern=r"^(to|back)$")]
    """to the account that stays, or back to the one that was merged into it."""
    merge: Id
    """The `merged` fact that it is about."""
    said: NaturalInt = 0
    """How many messages the sender had sent."""
    legs: Annotated[tuple[Leg, ...], Field(max_length=100_000)] = ()
    """Merges that led these facts to the sender: so a circle of merges is seen by who stands in it."""
    facts: Annotated[tuple[Inner, ...], Field(max_length=100_000)] = ()
