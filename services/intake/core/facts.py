"""What was said, of a member, as the fact that the journal holds."""

from __future__ import annotations

from functools import cache
from typing import Any, cast

import msgspec

from events.decode import twin
from events.facts import (
    Adjusted,
    ContributionRequested,
    Correction,
    Deed,
    Enrolled,
    Erased,
    IdentifierAdded,
    MemberFact,
    Merged,
    PoolJoined,
    PoolLeft,
    PriceFound,
    Purchase,
    RedemptionCaptured,
    RedemptionRequested,
    RedemptionTaken,
    RedemptionVoided,
    Return,
    StatusEnded,
    StatusSet,
    TransferRequested,
    Unmerged,
    Used,
)
from events.facts.fact import Coordinates
from events.said import AnySaid, PurchaseSaid
from services.intake.core.identity import Place

_FACTS: dict[str, Any] = {
    model.model_fields["type"].default: twin(model)
    for model in (
        Purchase,
        Return,
        RedemptionRequested,
        RedemptionTaken,
        RedemptionCaptured,
        RedemptionVoided,
        Used,
        Adjusted,
        Deed,
        PriceFound,
        Enrolled,
        IdentifierAdded,
        StatusSet,
        StatusEnded,
        TransferRequested,
        ContributionRequested,
        PoolJoined,
        PoolLeft,
        Merged,
        Unmerged,
        Erased,
    )
}
_CORRECTION: Any = twin(Correction)
_COORDINATES: Any = twin(Coordinates)
_PURCHASE_SAID: Any = twin(PurchaseSaid)


OTHERS = {
    "enrolled": "referrer",
    "transfer_requested": "to",
    "contribution_requested": "pool",
    "pool_joined": "who",
    "pool_left": "who",
    "merged": "into",
}
"""The field, said and of the fact, that stands for another member; by kind."""


def fact_of(said: AnySaid, member: str, revision: int, place: Place, other: str | None = None) -> MemberFact:
    """The fact. A purchase of revision 1 or more is a correction; every other fact has revision 0.

    `other` is the member whom the second identifier leads to (OTHERS); None where it shows none.
    """
    topic, partition, offset = place
    fields = {name: getattr(said, name) for name in _shared(said.type)}
    if said.type == "identifier_added":
        fields["scheme"] = said.added.scheme
    elif (name := OTHERS.get(said.type)) is not None:
        fields[name] = other
    kind = _CORRECTION if revision and said.type == "purchase" else _FACTS[said.type]
    source = _COORDINATES(topic=topic, partition=partition, offset=offset)
    return cast("MemberFact", kind(member=member, revision=revision, source=source, **fields))


def said_of(fact: Any) -> Any:
    """A purchase as a guest's till said it."""
    names = {field.name for field in msgspec.structs.fields(_PURCHASE_SAID)} - {"identifier", "total_minor"}
    fields = {name: getattr(fact, name) for name in names}
    return _PURCHASE_SAID(total_minor=sum(line.total_minor for line in fact.lines), **fields)


encode_said = msgspec.json.Encoder().encode


@cache
def _shared(kind: str) -> tuple[str, ...]:
    """The fields that a fact takes over as they were said."""
    ours = {"member", "revision", "source", "scheme", *OTHERS.values()}
    return tuple(field.name for field in msgspec.structs.fields(_FACTS[kind]) if field.name not in ours)
