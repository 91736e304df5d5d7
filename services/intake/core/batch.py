"""A batch of records against the directory: what to claim there and what to write to the journal, without doing either.

Walks the records in their order with what the directory knows of their identifiers and receipts, and lets each see what
those before it claimed. The result is claimed as a whole or not at all (services/intake/directory.py): whoever loses a
race against another worker looks up again and walks again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, cast

from events.decode import Unreadable, decode_said
from events.facts import MemberFact
from events.said import AnySaid
from services.intake.core.facts import OTHERS, fact_of
from services.intake.core.identity import (
    CLAIMED,
    Act,
    Decided,
    Draw,
    Key,
    Place,
    Revision,
    Saying,
    Verdict,
    decide,
    decide_claim,
    key_of,
)
from services.intake.core.reading import Heard, content_of


class Item(NamedTuple):
    """One inbound record: what it says, or why it cannot be read."""

    place: Place
    decided: Decided
    heard: Heard | str
    value: bytes | None


class NewRevision(NamedTuple):
    """A row of the directory to write; it may take the place of a guest's row and of nothing else."""

    receipt: str
    revision: Revision
    lines: int


@dataclass(slots=True)
class Plan:
    """What a batch comes to."""

    identities: dict[Key, str] = field(default_factory=dict)
    """Identifiers to claim, with the members they lead to."""
    forgotten: dict[str, None] = field(default_factory=dict)
    """Members whose identifiers are to lead to nobody, in the order they were said."""
    revisions: dict[tuple[str, int], NewRevision] = field(default_factory=dict)
    """By receipt and number, in the order they were first said."""
    facts: list[tuple[Place, MemberFact]] = field(default_factory=list)
    """In the order of the records."""
    parked: list[tuple[Place, str]] = field(default_factory=list)
    """With the reason."""
    acts: dict[tuple[str, Act], int] = field(default_factory=dict)
    """How many records of each topic came to each act."""
    guest_lines: int = 0
    """On the guests' receipts among them."""


def identifiers(items: Iterable[Item]) -> set[Key]:
    """Those whose members the walk may need."""
    found: set[Key] = set()
    for item in items:
        if isinstance(item.heard, Heard) and item.heard.identifier is not None:
            found.add(item.heard.identifier)
            if (other := other_of(item.heard.said)) is not None:
                found.add(other)
    return found


def other_of(said: AnySaid | None) -> Key | None:
    """The second identifier that some sayings show: the added one, or another member's."""
    if said is None:
        return None
    if said.type == "identifier_added":
        return key_of(said.added)
    shown = getattr(said, OTHERS[said.type]) if said.type in OTHERS else None
    return None if shown is None else key_of(shown)


def receipts(items: Iterable[Item]) -> set[str]:
    """Those whose revisions the walk may need."""
    return {item.heard.id for item in items if isinstance(item.heard, Heard)}


def walk(items: Iterable[Item], members: Mapping[Key, str], known: Mapping[str, list[Revision]], draw: Draw) -> Plan:
    """The plan. `members` and `known` hold what the directory knows; neither is changed."""
    walker = _Walk(members, known, draw)
    for item in items:
        verdict = walker.visit(item)
        key = (item.place[0], verdict.act)
        walker.plan.acts[key] = walker.plan.acts.get(key, 0) + 1
    return walker.plan


FIRST = ("enrolled", "pool_joined")
"""What is said of an identifier that nobody needs to have shown before."""


class _Walk:
    def __init__(self, members: Mapping[Key, str], known: Mapping[str, list[Revision]], draw: Draw) -> None:
        self.plan = Plan()
        self._members = members
        self._known = known
        self._said_here: dict[str, list[Revision]] = {}
        self._draw = draw

    def visit(self, item: Item) -> Verdict:
        heard = item.heard
        if isinstance(heard, str):
            return self._park(item, Verdict(Act.PARK, reason=heard))
        verdict = self._decide(item, heard)
        match verdict.act:
            case Act.BOOK | Act.CLAIM | Act.CORRECT:
                self._book(item, heard, verdict)
            case Act.AGAIN:
                self._produce(item, self._meant(heard), cast("str", verdict.member), verdict.revision)
            case Act.KEEP:
                self._write(item, heard, 0, None, item.value)
                self.plan.guest_lines += heard.lines
            case Act.WAIT:
                self._write(item, heard, 0, None, cast("str", self._member(cast("Key", heard.identifier))).encode())
            case Act.PARK:
                self._park(item, verdict)
        return verdict

    def _decide(self, item: Item, heard: Heard) -> Verdict:
        member = None if heard.identifier is None else self._member(heard.identifier)
        saying = Saying(heard.kind, heard.content, heard.identifier is not None, member)
        decides = decide_claim if heard.kind == CLAIMED else decide
        verdict = decides(saying, self._revisions(heard.id), item.place, item.decided)
        if verdict.act is Act.CLAIM and self._meant(heard).said is None:
            if heard.kind != CLAIMED:
                return Verdict(Act.KEEP)
            return Verdict(Act.PARK, reason="the receipt was said in a dialect of which a guest's is not booked")
        if verdict.act is Act.BOOK and (why := self._not_booked(item, heard, member)):
            return Verdict(Act.PARK, reason=why)
        return verdict

    def _not_booked(self, item: Item, heard: Heard, member: str | None) -> str:
        """Why what was said of two identifiers, or of a member who must be known, cannot be booked; "" when it can."""
        other = other_of(heard.said)
        if other is None and heard.kind not in ("erased", "unmerged"):
            return ""
        if item.decided is Decided.BEFORE_A_RESTORE:
            return "it was not booked before the directory was restored; say it again under a new id"
        if member is None and heard.kind not in FIRST:
            return "nobody is known by the identifier"
        led_to = None if other is None else self._member(other)
        if heard.kind == "identifier_added" and led_to not in (None, member):
            return "the added identifier leads to another member"
        if heard.kind in OTHERS and led_to is None:
            return f"nobody is known by the identifier in {OTHERS[heard.kind]}"
        if heard.kind == "enrolled" and led_to == member:
            return "a member cannot be brought by itself"
        if heard.kind == "merged" and led_to == member:
            return "both identifiers lead to one member already"
        return ""

    def _meant(self, heard: Heard) -> Heard:
        """What is to be booked: of a claim by number the receipt, as the guest's till said it."""
        if heard.kind != CLAIMED:
            return heard
        body = next((row.body for row in self._revisions(heard.id) if row.number == 0), None)
        try:
            said: Any = decode_said(body or b"")
        except Unreadable:
            return heard._replace(said=None)
        return heard._replace(kind=said.type, content=content_of(said), lines=len(said.lines), said=said)

    def _book(self, item: Item, heard: Heard, verdict: Verdict) -> None:
        by_number, heard, revision = heard.kind == CLAIMED, self._meant(heard), verdict.revision
        said, identifier = cast("AnySaid", heard.said), cast("Key", heard.identifier)
        member = verdict.member or self._member(identifier)
        if member is None:
            member = self.plan.identities[identifier] = self._draw()
        if said.type == "identifier_added":
            added = key_of(said.added)
            if self._member(added) is None:
                self.plan.identities[added] = member
        self._write(item, heard, revision, member, self._revisions(heard.id)[0].body if by_number else None)
        self._produce(item, heard, member, revision)
        if said.type == "erased":
            self.plan.forgotten[member] = None
            self.plan.identities = {key: led_to for key, led_to in self.plan.identities.items() if led_to != member}

    def _produce(self, item: Item, heard: Heard, member: str, revision: int) -> None:
        said = cast("AnySaid", heard.said)
        other = other_of(said) if said.type in OTHERS else None
        led_to = None if other is None else self._member(other)
        if other is not None and led_to is None:  # said again after a crash, and forgotten meanwhile
            self.plan.parked.append((item.place, f"who is meant in {OTHERS[said.type]} is forgotten"))
            return
        self.plan.facts.append((item.place, fact_of(said, member, revision, item.place, led_to)))

    def _member(self, key: Key) -> str | None:
        """Whom an identifier leads to; nobody whose person is forgotten."""
        found = self.plan.identities.get(key) or self._members.get(key)
        return None if found in self.plan.forgotten else found

    def _revisions(self, receipt: str) -> list[Revision]:
        return self._said_here.get(receipt) or self._known.get(receipt, [])

    def _write(self, item: Item, heard: Heard, number: int, member: str | None, body: bytes | None) -> None:
        row = Revision(number, heard.kind, member, heard.content, item.place, body)
        kept = [revision for revision in self._revisions(heard.id) if revision.number != number]
        self._said_here[heard.id] = [*kept, row]
        self.plan.revisions[heard.id, number] = NewRevision(heard.id, row, heard.lines)

    def _park(self, item: Item, verdict: Verdict) -> Verdict:
        if item.decided is not Decided.BEFORE_A_CRASH:
            self.plan.parked.append((item.place, verdict.reason))
        return verdict
