"""What shops say on the inbound topics: the facts as a till knows them, by identifier instead of member id.

Intake turns each of these into a fact (events/facts) once the directory has told it who and which receipt. A till that
speaks another dialect is translated into these first (services/intake/core/dialects).
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from events.facts.purchases import Codes, Lines
from events.model import Model
from events.values import (
    Code,
    Count,
    CountMoved,
    Currency,
    Id,
    Instant,
    Label,
    LineMinor,
    NaturalInt,
    Points,
    PointsMoved,
    Sentence,
)


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


class PurchaseSaid(Said):
    """A receipt. Without an identifier it is a guest's: kept, and claimed later at most once, by its
    number (`receipt_claimed`) or by being said again with an identifier."""

    type: Literal["purchase"] = "purchase"
    identifier: Identifier | None = None  # type: ignore[assignment]
    currency: Currency
    total_minor: NaturalInt
    """Must be the sum of the lines: a receipt that contradicts itself is parked."""
    lines: Lines
    codes: Codes = ()


class ReturnSaid(Said):
    """Goods brought back, with or without the receipt they were bought on."""

    type: Literal["return"] = "return"
    identifier: Identifier | None = None  # type: ignore[assignment]
    purchase: Id | None = None
    currency: Currency
    total_minor: NaturalInt
    lines: Lines


class ReceiptClaimedSaid(Said):
    """The member of `identifier`, whom the directory knows, says by its number that a guest's receipt was hers. The
    receipt itself may come later; if it then shows somebody's card, it is theirs."""

    type: Literal["receipt_claimed"] = "receipt_claimed"
    receipt: Id


class RedemptionRequestedSaid(Said):
    type: Literal["redemption_requested"] = "redemption_requested"
    points: Points
    hold_until: Instant | None = None
    unit: Code | None = None


class RedemptionTakenSaid(Said):
    type: Literal["redemption_taken"] = "redemption_taken"
    points: Points
    unit: Code | None = None


class RedemptionCapturedSaid(Said):
    type: Literal["redemption_captured"] = "redemption_captured"
    redemption: Id
    points: Points
    unit: Code | None = None


class RedemptionVoidedSaid(Said):
    type: Literal["redemption_voided"] = "redemption_voided"
    redemption: Id
    points: Points | None = None
    unit: Code | None = None


class UsedSaid(Said):
    type: Literal["used"] = "used"
    what: Code
    count: Count = 1


class AdjustedSaid(Said):
    type: Literal["adjusted"] = "adjusted"
    points: PointsMoved
    reason: Sentence
    actor: Id
    expires_at: Instant | None = None
    unit: Code | None = None


class DeedSaid(Said):
    type: Literal["deed"] = "deed"
    what: Code
    count: CountMoved = 1


class PriceFoundSaid(Said):
    type: Literal["price_found"] = "price_found"
    purchase: Id
    item: Label
    quantity: Count = 1
    found_minor: LineMinor
    evidence: Sentence


class EnrolledSaid(Said):
    """`referrer` is one that the directory knows: the member who brought this one."""

    type: Literal["enrolled"] = "enrolled"
    referrer: Identifier | None = None


class IdentifierAddedSaid(Said):
    """`identifier` is one that the directory knows, `added` the new one."""

    type: Literal["identifier_added"] = "identifier_added"
    added: Identifier


class StatusSetSaid(Said):
    """A group joined, a segment, an invitation, a fee paid, a birthday: what a status means the programme says."""

    type: Literal["status_set"] = "status_set"
    status: Code
    value: Label | None = None
    until: Instant | None = None


class StatusEndedSaid(Said):
    type: Literal["status_ended"] = "status_ended"
    status: Code


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


SAID = (
    PurchaseSaid,
    ReturnSaid,
    ReceiptClaimedSaid,
    RedemptionRequestedSaid,
    RedemptionTakenSaid,
    RedemptionCapturedSaid,
    RedemptionVoidedSaid,
    UsedSaid,
    AdjustedSaid,
    DeedSaid,
    PriceFoundSaid,
    EnrolledSaid,
    IdentifierAddedSaid,
    StatusSetSaid,
    StatusEndedSaid,
    TransferRequestedSaid,
    ContributionRequestedSaid,
    PoolJoinedSaid,
    PoolLeftSaid,
    MergedSaid,
    UnmergedSaid,
    ErasedSaid,
)
"""Every inbound record, in the order of the documents."""

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
