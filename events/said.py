"""What shops say on the inbound topics: the facts as a till knows them, by identifier instead of member id.

What a till says of a thing is what the fact holds of it: both are made of one content (events/facts). Intake turns each
of these into a fact once the directory has told it who and which receipt. A till that speaks another dialect is
translated into these first (services/intake/core/dialects).
"""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from pydantic import Field

from events.facts.adjustments import AdjustedContent
from events.facts.deeds import DeedContent, PriceFoundContent
from events.facts.purchases import Bought, ReturnContent
from events.facts.redemptions import (
    RedemptionCapturedContent,
    RedemptionRequestedContent,
    RedemptionTakenContent,
    RedemptionVoidedContent,
    UsedContent,
)
from events.facts.statuses import StatusEndedContent, StatusSetContent
from events.model import Model
from events.values import Code, Id, Instant, NaturalInt, Points, Sentence


class Identifier(Model):
    """What a member can show: a card, a phone, an account with a partner. Personal data: never leaves intake."""

    scheme: Code
    value: Annotated[str, Field(min_length=1, max_length=200)]


class Said(Model):
    """What every inbound record says."""

    id: Id
    occurred_at: Instant
    identifier: Identifier
    store: Id | None = None
    partner: Id | None = None
    channel: Code | None = None


class PurchaseSaid(Bought, Said):
    """A receipt. Without an identifier it is a guest's: kept, and claimed later at most once, by its
    number (`receipt_claimed`) or by being said again with an identifier."""

    type: Literal["purchase"] = "purchase"
    identifier: Identifier | None = None  # type: ignore[assignment]
    total_minor: NaturalInt
    """Must be the sum of the lines: a receipt that contradicts itself is parked."""


class ReturnSaid(ReturnContent, Said):
    """Goods brought back. With `purchase` they are whose that receipt is, whatever `identifier` says, and wait until it
    is a member's; without it, whose `identifier` it is."""

    identifier: Identifier | None = None  # type: ignore[assignment]
    total_minor: NaturalInt


class ReceiptClaimedSaid(Said):
    """The member of `identifier`, whom the directory knows, says by its number that a guest's receipt was hers. The
    receipt itself may come later; if it then shows somebody's card, it is theirs."""

    type: Literal["receipt_claimed"] = "receipt_claimed"
    receipt: Id


class RedemptionRequestedSaid(RedemptionRequestedContent, Said):
    """A till asks for points and waits for the answer."""


class RedemptionTakenSaid(RedemptionTakenContent, Said):
    """A till that could not ask has given the discount."""


class RedemptionCapturedSaid(RedemptionCapturedContent, Said):
    """The discount on held points was given."""


class RedemptionVoidedSaid(RedemptionVoidedContent, Said):
    """The redemption did not happen after all."""


class UsedSaid(UsedContent, Said):
    """A voucher or a free item was used."""


class AdjustedSaid(AdjustedContent, Said):
    """Support gives or takes points."""


class DeedSaid(DeedContent, Said):
    """Something was done, or came round."""


class PriceFoundSaid(PriceFoundContent, Said):
    """The same goods were found cheaper elsewhere."""


class EnrolledSaid(Said):
    """`referrer` is one that the directory knows: the member who brought this one."""

    type: Literal["enrolled"] = "enrolled"
    referrer: Identifier | None = None


class IdentifierAddedSaid(Said):
    """`identifier` is one that the directory knows, `added` the new one."""

    type: Literal["identifier_added"] = "identifier_added"
    added: Identifier


class StatusSetSaid(StatusSetContent, Said):
    """A group joined, a segment, an invitation, a fee paid, a birthday: what a status means the programme says."""


class StatusEndedSaid(StatusEndedContent, Said):
    """A status holds no longer."""


class TransferRequestedSaid(Said):
    """`identifier` gives points to the member of `to`."""

    type: Literal["transfer_requested"] = "transfer_requested"
    to: Identifier
    points: Points


class ContributionRequestedSaid(Said):
    """`identifier` puts points into a pool that it shares."""

    type: Literal["contribution_requested"] = "contribution_requested"
    pool: Identifier
    points: Points


class PoolJoinedSaid(Said):
    """`identifier` is the pool's, which is made by the first who joins; `who` is one that the directory knows."""

    type: Literal["pool_joined"] = "pool_joined"
    who: Identifier


class PoolLeftSaid(Said):
    """`identifier` is the pool's; `who` shares it no longer."""

    type: Literal["pool_left"] = "pool_left"
    who: Identifier


class MergedSaid(Said):
    """The member of `identifier` is the same person as the member of `into`, who stays."""

    type: Literal["merged"] = "merged"
    into: Identifier


class UnmergedSaid(Said):
    """The member of `identifier` was merged by mistake."""

    type: Literal["unmerged"] = "unmerged"


class ErasedSaid(Said):
    """The person of `identifier`, whom the directory knows, is to be forgotten."""

    type: Literal["erased"] = "erased"
    reason: Sentence


AnySaid = (
    PurchaseSaid
    | ReturnSaid
    | ReceiptClaimedSaid
    | RedemptionRequestedSaid
    | RedemptionTakenSaid
    | RedemptionCapturedSaid
    | RedemptionVoidedSaid
    | UsedSaid
    | AdjustedSaid
    | DeedSaid
    | PriceFoundSaid
    | EnrolledSaid
    | IdentifierAddedSaid
    | StatusSetSaid
    | StatusEndedSaid
    | TransferRequestedSaid
    | ContributionRequestedSaid
    | PoolJoinedSaid
    | PoolLeftSaid
    | MergedSaid
    | UnmergedSaid
    | ErasedSaid
)

SAID: tuple[type[Model], ...] = get_args(AnySaid)
"""Every inbound record, in the order of the documents."""
