"""Messages between members' accounts: a keyed total, never an increment, so that a repeat changes nothing."""

from __future__ import annotations

from typing import Literal

from events.facts.fact import AboutMember
from events.values import Code, Id, SignedInt


class Message(AboutMember):
    """`revision` is the sending account's own; the newest revision of an id is what counts, in full."""

    type: Literal["message"] = "message"
    sender: Id
    rule: Code
    points: SignedInt
