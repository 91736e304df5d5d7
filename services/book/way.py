"""The way that forwarded facts have come: by which merges, and whether these go round. Pure.

Owns what the legs of a record tell. Does not own what an account does with its facts (services/book/merging.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from events.decode import twin
from events.facts import Forwarded
from events.facts.forwarded import Leg

_LEG: Any = twin(Leg)


def way_of(member: str, envelope: Forwarded) -> tuple[Any, ...]:
    """The merges (Legs) that led a record's facts to this account, the last one last. Of facts that come home: the
    merges that led other members' facts to it before."""
    if envelope.way == "back":
        return envelope.legs
    return (*envelope.legs, _LEG(member=envelope.sender, into=member, merge=envelope.merge))


def legs_of(member: str, taken: Mapping[str, tuple[str, str]], owners: Iterable[str]) -> tuple[Any, ...]:
    """Of some whose facts are here (Merges.taken): the merges that led them here."""
    return tuple(
        [_LEG(member=owner, into=taken[owner][0] or member, merge=taken[owner][1]) for owner in sorted(owners)]
    )


def led_to(member: str, into: Mapping[str, str]) -> set[str]:
    """A member and all who lead to it, directly or over others."""
    found = {member}
    while more := {owner for owner, by in into.items() if by in found} - found:
        found |= more
    return found


def circle_of(member: str, goes_to: str, way: Iterable[Any]) -> set[str]:
    """The accounts of the circle that an account stands in whose facts go to another, by what a record's way tells;
    empty: it tells of none."""
    into = {leg.member: leg.into for leg in way} | {member: goes_to}
    at, circle = goes_to, {member}
    while at in into and at not in circle:
        circle.add(at)
        at = into[at]
    return circle if at == member else set()
