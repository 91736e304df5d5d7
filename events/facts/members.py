"""Members: enrolled, known by one more identifier, found to be the same person as another. No personal data."""

from __future__ import annotations

from typing import Literal

from events.facts.fact import AboutMember, AtShop
from events.values import Code, Id


class Enrolled(AtShop):
    """The member joined."""

    type: Literal["enrolled"] = "enrolled"


class IdentifierAdded(AboutMember):
    """One more card, phone or account leads to this member. Its value stays in the directory; here is only its kind."""

    type: Literal["identifier_added"] = "identifier_added"
    scheme: Code


class Merged(AboutMember):
    """`member` is gone: the same person as `into`, to whom everything is forwarded."""

    type: Literal["merged"] = "merged"
    into: Id
