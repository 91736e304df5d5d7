"""What a partner is told: points earned or taken back in its shops, under a pseudonym of the partner's own."""

from __future__ import annotations

from typing import Literal

import msgspec


class Reward(msgspec.Struct, frozen=True, gc=False):
    """One record of `rewards.<partner>.v1`. `seq` is gapless per partner and partition, from 1: drop `seq <= last`."""

    seq: int
    id: str
    """The fact that was rated: the one that came, or one that a later word about the past has changed."""
    partner: str
    member: str
    """A pseudonym: the same member has another one with every other partner."""
    kind: Literal["earned", "reversed"]
    points: int
    """Always positive."""
    occurred_at: str
    store: str = ""


encode = msgspec.json.Encoder().encode
decode = msgspec.json.Decoder(Reward).decode
