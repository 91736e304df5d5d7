"""Points between accounts: given to another member, put into a pool, and who shares a pool."""

from __future__ import annotations

from typing import Literal

from events.facts.fact import AboutMember, AtShop
from events.values import Id, Points


class TransferRequested(AtShop):
    """`member` gives points to another one, each lot with its own expiry, less the programme's fee. May be declined."""

    type: Literal["transfer_requested"] = "transfer_requested"
    to: Id
    points: Points


class ContributionRequested(AtShop):
    """`member` puts points into a pool that it shares, without a fee. May be declined.

    The pool remembers whose they are, and sends back what comes from somebody who does not share it.
    """

    type: Literal["contribution_requested"] = "contribution_requested"
    pool: Id
    points: Points


class PoolJoined(AboutMember):
    """`who` shares the pool `member` from now on. A pool is an account like a member's: a household's, a firm's."""

    type: Literal["pool_joined"] = "pool_joined"
    who: Id


class PoolLeft(AboutMember):
    """`who` shares the pool `member` no longer, and has back what is left of its contributions, now and later."""

    type: Literal["pool_left"] = "pool_left"
    who: Id
