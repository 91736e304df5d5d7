"""Members: enrolled, known by one more identifier, found to be another's second card, forgotten. No personal data."""

from __future__ import annotations

from typing import Literal

from events.facts.fact import AboutMember, AtShop
from events.values import Code, Id, Sentence


class Enrolled(AtShop):
    """The member joined."""

    type: Literal["enrolled"] = "enrolled"
    referrer: Id | None = None
    """The member who brought this one; None when nobody did."""


class IdentifierAdded(AboutMember):
    """One more card, phone or account leads to this member. Its value stays in the directory; here is only its kind."""

    type: Literal["identifier_added"] = "identifier_added"
    scheme: Code


class Merged(AboutMember):
    """`member` is gone: the same person as `into`, to whom everything is forwarded."""

    type: Literal["merged"] = "merged"
    into: Id


class Unmerged(AboutMember):
    """`member` was merged by mistake: its facts count for itself again, also those that have come since."""

    type: Literal["unmerged"] = "unmerged"


class Erased(AboutMember):
    """The person is forgotten: what the member still had ends here, and nothing is asked of the member any more."""

    type: Literal["erased"] = "erased"
    reason: Sentence
