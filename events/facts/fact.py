"""What every fact says about itself: which one it is, when it happened, where it came from."""

from __future__ import annotations

from events.model import Model
from events.values import Code, Id, Instant, NaturalInt, Revision


class Coordinates(Model):
    """Where intake read the record that became this fact. Lets a restored directory find its identifiers again."""

    topic: str
    partition: NaturalInt
    offset: NaturalInt


class AnyFact(Model):
    """(id, revision) names a fact for ever: the same pair again is the same fact and changes nothing."""

    id: Id
    revision: Revision = 0
    occurred_at: Instant
    """When it happened in the shop. Rules use this; the journal's own log time is `recorded_at` and is for audits."""
    source: Coordinates | None = None
    """None for facts that no inbound record caused: ticks, programmes, messages, and hand-written files."""


class AboutMember(AnyFact):
    """A fact about one member, and the key of its journal record."""

    member: Id


class AtShop(AboutMember):
    """A fact about one member that happened at a till."""

    store: Id | None = None
    partner: Id | None = None
    """The partner in whose shop it happened; None for the operator's own shops."""
    channel: Code | None = None
    """How the shop was reached: web, app, till ...; None: not said."""
