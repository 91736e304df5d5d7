"""Messages between members' accounts: a keyed total, never an increment, so that a repeat changes nothing."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from events.facts.fact import AboutMember
from events.model import Model
from events.values import Id, Label, PointsMoved

ID = "msg:"
"""The ids of messages begin so, and no till's may."""

LotId = Annotated[
    str,
    StringConstraints(pattern=r"^(never|[0-9]{1,14})\.[0-9]{1,14}\.[0-9]{1,14}\.[A-Za-z0-9@][A-Za-z0-9@._:/-]{0,249}$"),
]
"""A lot's identity as entries.v1 has it: expiry, earning and activation in epoch milliseconds, slot."""


class Share(Model):
    """A part of a message: so much of one lot."""

    lot: LotId
    points: PointsMoved
    unit: Id | None = None
    """None: regular points; else `pts:` and another currency of points, or a thing that the programme names."""


class Message(AboutMember):
    """What a fact of `sender` gives to `member`, in full, at that fact's own instant.

    The id is made of sender, cause, rule and receiver. `revision` is the sending account's own count of its messages:
    the newest one of an id is what counts. Without lots it says that nothing is given after all.
    """

    type: Literal["message"] = "message"
    sender: Id
    cause: Id
    """The sender's fact that gave it."""
    rule: Label
    """What gave it there: a rule with its revision, or `transfer` or `pool`."""
    account: Annotated[str, StringConstraints(pattern=r"^(issued|transferred)$")]
    """Where the points come from: granted by the programme, or another member's."""
    lots: Annotated[tuple[Share, ...], Field(max_length=10_000)] = ()
