"""Who and which: whether a receipt was said before, whose it is, and what a saying of it amounts to.

Owns the decisions. Does not own the tables (services/intake/directory.py) nor the order in which records are walked
(core/batch.py).
"""

from __future__ import annotations

import base64
import unicodedata
from collections.abc import Callable, Sequence
from enum import Enum
from typing import NamedTuple

from events.said import Identifier

Key = tuple[str, str]
"""An identifier as the directory knows it: scheme and value."""

Place = tuple[str, int, int]
"""Where a record stands: the topic's name without prefix, partition, offset."""

MEMBER_BYTES = 13
"""Random bytes that a member id is drawn from: 20 base32 characters, 100 bits."""


_INVISIBLE = frozenset({"Cc", "Cf", "Cs"})  # control, format, half a surrogate pair


def key_of(identifier: Identifier) -> Key:
    """Without what keyboards and scanners add: one spelling of each letter, nothing invisible, no outer blanks."""
    value = identifier.value
    if not (value.isascii() and value.isalnum()):
        normal = unicodedata.normalize("NFC", value)
        value = "".join(c for c in normal if unicodedata.category(c) not in _INVISIBLE).strip()
    return identifier.scheme, value


def member_id(random: bytes) -> str:
    """`mem_` and 20 characters of base32, made of 13 random bytes: nobody can enumerate members."""
    return "mem_" + base64.b32encode(random).decode().lower()[:20]


Draw = Callable[[], str]
"""A new member id each time."""


CLAIMED = "receipt_claimed"
"""The kind of what claims a guest's receipt by its number."""

AWAITED = "awaited"
"""The kind of a receipt that has not come, and of which something has come back."""


class Revision(NamedTuple):
    """One saying of a receipt that counted: a row of the directory."""

    number: int
    kind: str
    member: str | None
    """None: a guest's."""
    content: bytes
    """Hash of what was said, without the id, the identifier and the coordinates."""
    source: Place
    body: bytes | None = None
    """Of a guest's receipt: the value as it came, also once it is claimed by its number. Of a return that waited until
    its receipt was a member's: what was said. Of a claim that waits for its receipt (kind CLAIMED): the member. None
    otherwise: the fact holds it."""
    lines: int = 0
    returns: tuple[str, ...] = ()
    """Of a receipt: the ids of the returns that waited with it for a member, also once it has one."""
    written: int = 0
    """How often the row has been written that this one was read from, or takes the place of; 0: there is none."""


class Decided(Enum):
    """What intake knows about its own past with a record. Facts are never decided twice."""

    NOT_YET = 0
    """Never read before."""
    BEFORE_A_RESTORE = 1
    """Decided by a directory that was lost since; its facts have been restored from the journal, what made no fact
    (guests, parked, dropped) has not."""
    BEFORE_A_CRASH = 2
    """Decided, and the directory knows all of it; only the journal may lack the facts."""


class Act(Enum):
    """What is to be done with a record."""

    BOOK = "book"
    """A fact, revision 0."""
    CLAIM = "claim"
    """The same, of a receipt that was a guest's until now, or that was claimed before it came."""
    WAIT = "wait"
    """A claim of a receipt that has not come, or a return of one that is no member's: remembered until it is."""
    CORRECT = "correct"
    """A correction, the next revision."""
    AGAIN = "again"
    """The very record that the directory remembers: its fact once more, the same bytes. The ledger drops a repeat."""
    KEEP = "keep"
    """A guest's receipt, new or with other content: no fact."""
    DROP = "drop"
    """Said before, nothing new."""
    PARK = "park"
    """Set aside with a reason."""


class Verdict(NamedTuple):
    """The act, with the fact's revision (and, for AGAIN and CLAIM, its member) or the reason."""

    act: Act
    revision: int = 0
    member: str | None = None
    reason: str = ""


class Saying(NamedTuple):
    """What a decision needs to know about what was said."""

    kind: str
    content: bytes
    shows_identifier: bool
    member: str | None
    """Whom the identifier leads to; None where the directory does not know it (or there is none)."""


_DROP = Verdict(Act.DROP)


def remembered(known: Sequence[Revision], place: Place) -> Revision | None:
    """The revision that this very record made."""
    for revision in known:
        if revision.source == place:
            return revision
    return None


def decide(saying: Saying, known: Sequence[Revision], place: Place, decided: Decided) -> Verdict:
    """What to do with a record, given the revisions of its receipt that the directory knows, oldest first."""
    own = remembered(known, place)
    if own is not None:
        return _DROP if own.member is None else Verdict(Act.AGAIN, own.number, own.member)
    if known and known[-1].kind == CLAIMED and decided is not Decided.BEFORE_A_CRASH:
        return _claimed_ahead(saying, known[-1])
    match decided:
        case Decided.BEFORE_A_CRASH:
            return _DROP
        case Decided.BEFORE_A_RESTORE:
            return _after_a_restore(saying, known, place)
        case Decided.NOT_YET:
            return _now(saying, known)


def decide_claim(claim: Saying, known: Sequence[Revision], place: Place, decided: Decided) -> Verdict:
    """What to do with a claim of a receipt by its number alone; as `decide`."""
    if remembered(known, place) is None and decided is not Decided.BEFORE_A_CRASH:
        if claim.member is None:
            return _parked("nobody is known by the identifier")
        if not known:
            return Verdict(Act.WAIT)
        if known[-1].kind == CLAIMED:
            mine = known[-1].body == claim.member.encode()
            return _DROP if mine else _parked("another member has claimed the receipt")
        if known[-1].kind != "purchase":
            return _parked(f"the number is that of a {known[-1].kind}, and only a purchase can be claimed")
    as_shown = claim._replace(kind="purchase", content=known[-1].content if known else b"")
    verdict = decide(as_shown, known, place, decided)
    return verdict._replace(member=claim.member) if verdict.act is Act.CLAIM else verdict


def _claimed_ahead(saying: Saying, claim: Revision) -> Verdict:
    """A receipt that somebody has claimed before it came: theirs, unless the till saw somebody's card."""
    if saying.shows_identifier:
        return Verdict(Act.BOOK)
    if saying.kind != "purchase":
        return Verdict(Act.KEEP)
    return Verdict(Act.CLAIM, 0, (claim.body or b"").decode())


def _now(saying: Saying, known: Sequence[Revision]) -> Verdict:
    if not known:
        return Verdict(Act.BOOK if saying.shows_identifier else Act.KEEP)
    newest = known[-1]
    if saying.kind != newest.kind:
        return _parked(f"the id is that of a {newest.kind}, and this is a {saying.kind}")
    if newest.member is None and saying.shows_identifier:
        return Verdict(Act.CLAIM)
    if saying.content == newest.content and (not saying.shows_identifier or saying.member == newest.member):
        return _DROP
    if newest.member is None:
        return Verdict(Act.KEEP)
    if not saying.shows_identifier:
        return _parked("the receipt is a member's; with other content it must show the member's identifier again")
    if saying.member != newest.member:
        return _parked("the receipt is another member's")
    if saying.kind == "purchase":
        return Verdict(Act.CORRECT, newest.number + 1)
    return _parked(f"the {saying.kind} was said before with other content; only a purchase can be corrected")


def _after_a_restore(saying: Saying, known: Sequence[Revision], place: Place) -> Verdict:
    """As it was decided then: by what was known before this record. The facts among those verdicts are in `known`."""
    before = [revision for revision in known if not _later(revision.source, place)]
    if known and not before and not saying.shows_identifier and saying.kind == known[0].kind:
        return _DROP  # a guest's receipt; it has been claimed since
    verdict = _now(saying, before or known)
    if verdict.act is not Act.CORRECT:
        return verdict
    if any(saying.content == revision.content for revision in known):
        return _DROP  # of another partition, where before and after are not known
    return Verdict(Act.CORRECT, known[-1].number + 1)


def _later(source: Place, place: Place) -> bool:
    return source[:2] == place[:2] and source[2] > place[2]


def _parked(reason: str) -> Verdict:
    return Verdict(Act.PARK, reason=reason)
