"""A batch of records against the directory: what to claim there and what to write to the journal, without doing either.

Walks the records in their order with what the directory knows of their identifiers and receipts, and lets each see what
those before it claimed. The result is claimed as a whole or not at all (services/intake/directory.py): whoever loses a
race against another worker looks up again and walks again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, cast

import msgspec

from events.decode import Unreadable, decode_said
from events.facts import MemberFact
from events.said import AnySaid
from services.intake.core.facts import OTHERS, encode_said, fact_of
from services.intake.core.identity import (
    AWAITED,
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
    """A row of the directory to write; it may take the place of a row that is no member's, as it was read."""

    receipt: str
    revision: Revision


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
    found: set[str] = set()
    for item in items:
        if isinstance(item.heard, Heard):
            found.add(item.heard.id)
            if item.heard.receipt is not None:
                found.add(item.heard.receipt)
    return found


def walk(items: Iterable[Item], members: Mapping[Key, str], known: Mapping[str, list[Revision]], draw: Draw) -> Plan:
    """The plan. `members` and `known` hold what the directory knows; neither is changed."""
    walker = _Walk(members, known, draw)
    for item in items:
        verdict = walker.visit(item)
        key = (item.place[0], verdict.act)
        walker.plan.acts[key] = walker.plan.acts.get(key, 0) + 1
    return walker.plan


RECEIPTS = ("purchase", CLAIMED, AWAITED)
"""What a return may be of: a receipt, come or not."""

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
            case Act.WAIT if heard.receipt is not None:
                self._wait(item, heard, heard.receipt)
            case Act.WAIT:
                self._write(item, heard, 0, None, cast("str", self._member(cast("Key", heard.identifier))).encode())
            case Act.PARK:
                self._park(item, verdict)
        return verdict

    def _decide(self, item: Item, heard: Heard) -> Verdict:
        known = self._revisions(heard.id)
        if known and known[0].kind == AWAITED:  # it has not come
            known = []
        if heard.kind == "return" and known and known[-1].content != heard.content and _waits(known[-1]):
            return Verdict(Act.PARK, reason="the return was said before with other content, and waits for its receipt")
        if heard.receipt is not None:
            return self._decide_return(item, heard, heard.receipt, known)
        member = None if heard.identifier is None else self._member(heard.identifier)
        saying = Saying(heard.kind, heard.content, heard.identifier is not None, member)
        decides = decide_claim if heard.kind == CLAIMED else decide
        verdict = decides(saying, known, item.place, item.decided)
        if verdict.act is Act.CLAIM and self._meant(heard).said is None:
            if heard.kind != CLAIMED:
                return Verdict(Act.KEEP)
            return Verdict(Act.PARK, reason="the receipt was said in a dialect of which a guest's is not booked")
        if verdict.act is Act.BOOK and (why := self._not_booked(item, heard, member)):
            return Verdict(Act.PARK, reason=why)
        return verdict

    def _decide_return(self, item: Item, heard: Heard, receipt: str, known: list[Revision]) -> Verdict:
        """As if it had shown the identifier of whoever has the receipt."""
        bought = next(iter(self._revisions(receipt)), None)
        member = bought.member if bought is not None and bought.kind == "purchase" else None
        saying = Saying(heard.kind, heard.content, member is not None, member)
        verdict = decide(saying, known, item.place, item.decided)
        if verdict.act is Act.KEEP:
            return Verdict(Act.WAIT)
        return verdict._replace(member=member) if verdict.act in (Act.BOOK, Act.CLAIM) else verdict

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
        if (said := _kept(body)) is None:
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
        if said.type == "purchase" and not revision:
            self._follow(said.id)

    def _follow(self, receipt: str) -> None:
        """The returns that waited with a receipt are whose the receipt is now; again with its fact after a crash."""
        bought = self._revisions(receipt)[0]
        for name in bought.returns:
            (row,) = self._revisions(name)
            if row.body is None:
                continue  # restored from the journal: its fact is there
            if row.member is None:
                self._put(name, row._replace(member=bought.member))
            self.plan.facts.append((row.source, fact_of(_kept(row.body), cast("str", bought.member), 0, row.source)))

    def _wait(self, item: Item, heard: Heard, receipt: str) -> None:
        """A return, remembered with the receipt that it names: whoever makes that a member's must see it."""
        said = msgspec.structs.replace(cast("Any", heard.said), identifier=None)
        self._write(item, heard, 0, None, encode_said(said))
        nothing_yet = Revision(0, AWAITED, None, b"", item.place)
        bought = next(iter(self._revisions(receipt)), nothing_yet)
        if bought.kind in RECEIPTS and heard.id not in bought.returns:  # of anything else it waits for ever
            self._put(receipt, bought._replace(returns=(*bought.returns, heard.id)))

    def _member(self, key: Key) -> str | None:
        """Whom an identifier leads to; nobody whose person is forgotten."""
        found = self.plan.identities.get(key) or self._members.get(key)
        return None if found in self.plan.forgotten else found

    def _revisions(self, receipt: str) -> list[Revision]:
        return self._said_here.get(receipt) or self._known.get(receipt, [])

    def _write(self, item: Item, heard: Heard, number: int, member: str | None, body: bytes | None) -> None:
        row = Revision(number, heard.kind, member, heard.content, item.place, body, heard.lines)
        for before in self._revisions(heard.id):
            if before.number == number:
                row = row._replace(returns=before.returns, written=before.written)
        self._put(heard.id, row)

    def _put(self, receipt: str, row: Revision) -> None:
        rows = self._revisions(receipt)
        self._said_here[receipt] = [*(other for other in rows if other.number != row.number), row] if rows else [row]
        self.plan.revisions[receipt, row.number] = NewRevision(receipt, row)

    def _park(self, item: Item, verdict: Verdict) -> Verdict:
        if item.decided is not Decided.BEFORE_A_CRASH:
            self.plan.parked.append((item.place, verdict.reason))
        return verdict


def _waits(row: Revision) -> bool:
    """A return that waits with its receipt, and will be booked as it was said first."""
    said = None if row.member is not None else _kept(row.body)
    return said is not None and said.type == "return" and said.purchase is not None


def _kept(body: bytes | None) -> Any:
    """What the directory keeps as it was said; None where that is nothing, or in a dialect of guests' receipts."""
    try:
        return decode_said(body or b"")
    except Unreadable:
        return None
