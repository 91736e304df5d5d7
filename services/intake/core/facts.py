"""What was said, of a member, as the fact that the journal holds."""

from __future__ import annotations

from functools import cache
from typing import Any, cast

import msgspec

from events.decode import twin
from events.facts import (
    Adjusted,
    Correction,
    Deed,
    Enrolled,
    Erased,
    IdentifierAdded,
    MemberFact,
    PriceFound,
    Purchase,
    RedemptionCaptured,
    RedemptionRequested,
    RedemptionTaken,
    RedemptionVoided,
    Return,
    StatusEnded,
    StatusSet,
    Used,
)
from events.facts.fact import Coordinates
from events.said import AnySaid
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
        Erased,
    )
}
_CORRECTION: Any = twin(Correction)
_COORDINATES: Any = twin(Coordinates)


def fact_of(said: AnySaid, member: str, revision: int, place: Place, referrer: str | None = None) -> MemberFact:
    """The fact. A purchase of revision 1 or more is a correction; every other fact has revision 0.

    `referrer` is the member whom the identifier of an enrolment's referrer leads to; None where it shows none.
    """
    topic, partition, offset = place
    fields = {name: getattr(said, name) for name in _shared(said.type)}
    if said.type == "identifier_added":
        fields["scheme"] = said.added.scheme
    elif said.type == "enrolled":
        fields["referrer"] = referrer
    kind = _CORRECTION if revision and said.type == "purchase" else _FACTS[said.type]
    source = _COORDINATES(topic=topic, partition=partition, offset=offset)
    return cast("MemberFact", kind(member=member, revision=revision, source=source, **fields))


@cache
def _shared(kind: str) -> tuple[str, ...]:
    """The fields that a fact takes over as they were said."""
    ours = {"member", "revision", "source", "scheme", "referrer"}
    return tuple(field.name for field in msgspec.structs.fields(_FACTS[kind]) if field.name not in ours)
