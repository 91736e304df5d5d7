"""Facts: what happened or was asked, as it stands in the journal. One file a family; `Fact` is any of them."""

from __future__ import annotations

from typing import get_args

from events.facts.adjustments import Adjusted
from events.facts.deeds import Deed, PriceFound
from events.facts.forwarded import Forwarded
from events.facts.members import Enrolled, Erased, IdentifierAdded, Merged, Unmerged
from events.facts.messages import Message
from events.facts.programmes import ProgrammePublished
from events.facts.purchases import Correction, Purchase, Return
from events.facts.redemptions import (
    RedemptionCaptured,
    RedemptionRequested,
    RedemptionTaken,
    RedemptionVoided,
    Used,
)
from events.facts.statuses import StatusEnded, StatusSet
from events.facts.ticks import Tick
from events.facts.transfers import ContributionRequested, PoolJoined, PoolLeft, TransferRequested
from events.model import Model

MemberFact = (
    Purchase
    | Correction
    | Return
    | RedemptionRequested
    | RedemptionTaken
    | RedemptionCaptured
    | RedemptionVoided
    | Used
    | Adjusted
    | TransferRequested
    | ContributionRequested
    | PoolJoined
    | PoolLeft
    | Deed
    | PriceFound
    | Enrolled
    | IdentifierAdded
    | StatusSet
    | StatusEnded
    | Merged
    | Unmerged
    | Erased
    | Message
    | Forwarded
)
PartitionFact = Tick | ProgrammePublished
Fact = MemberFact | PartitionFact

FACTS: tuple[type[Model], ...] = get_args(Fact)
"""Every fact, in the order of the documents."""

__all__ = [
    "FACTS",
    "Adjusted",
    "ContributionRequested",
    "Correction",
    "Deed",
    "Enrolled",
    "Erased",
    "Fact",
    "Forwarded",
    "IdentifierAdded",
    "MemberFact",
    "Merged",
    "Message",
    "PartitionFact",
    "PoolJoined",
    "PoolLeft",
    "PriceFound",
    "ProgrammePublished",
    "Purchase",
    "RedemptionCaptured",
    "RedemptionRequested",
    "RedemptionTaken",
    "RedemptionVoided",
    "Return",
    "StatusEnded",
    "StatusSet",
    "Tick",
    "TransferRequested",
    "Unmerged",
    "Used",
]
