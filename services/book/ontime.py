"""The book that an on-time log would have produced: a fact that comes late is folded where it belongs in time.

The member goes back to the newest kept state before it (services/book/history.py), the facts since then are folded
again with it among them, and what came out otherwise is posted now, with the late fact as its cause. A newer revision
of a fact takes the place of the one before it. Amounts that were decided stay as they are; allocations and expiries do
not. Pure; works on copies, so that a fact that needs more rows, or is refused, has changed nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from events.decode import decode_fact, encode_fact
from events.entries import Entry, Outcome, encode_outcome
from events.facts import MemberFact, Message
from events.refusals import Refusal
from services.book import redemptions, transfers
from services.book.ahead import foreseen
from services.book.baskets import current, keep, standing, unread
from services.book.difference import difference, positions
from services.book.forward import NOT_RATED, Played, advance, finish, play
from services.book.history import base_of, chunk_keys, order_of, record, since
from services.book.member import Broken, Member, Sent, Step, Told, decode, new
from services.book.messages import heard, letters, row_of
from services.book.needs import needs, tick_needs
from services.book.pages import rows_missing
from services.book.purses import Rows, key_of, purse_of
from services.book.rewards import RewardDue, rewards_of
from services.book.turn import Cold, ColdKey, Turn, as_of, claimed_of, pack, unpack
from services.programme.plan import Plan, Version
from services.programme.rate import Worth

REPLACED = ("correction", "message")
"""Facts of which a newer revision stands for all before it."""

ASKED: dict[str, Callable[[Member, Any, int], Refusal | None]] = {
    "redemption_requested": redemptions.refused,
    "transfer_requested": transfers.refused,
    "contribution_requested": transfers.refused,
}
"""What is granted as the member stands when it comes, wherever it belongs in time."""

ARRIVAL = ("high_water_ms", "ahead", "said", "merges")
"""What a member knows about the order of arrival: never folded again."""


class Missing(Exception):
    """Cold rows that are needed and not there yet. Nothing has been changed.

    ahead: the fact's worth, where it was found on the way: for the next look, while the member stands as it did.
    """

    def __init__(self, keys: tuple[ColdKey, ...], ahead: Worth | None = None) -> None:
        super().__init__(f"{len(keys)} cold rows")
        self.keys, self.ahead = keys, ahead


class Refolded(NamedTuple):
    """What a late fact did. `entries` lead from the book as it was to the book as it is."""

    refusal: Refusal | None
    waits: bool
    version: str
    tier: int
    entries: tuple[Entry, ...]
    cold: dict[ColdKey, bytes | None]
    rewards: tuple[RewardDue, ...]
    messages: tuple[Message, ...] = ()
    lots: transfers.Lots = ()
    elsewhere: Mapping[str, tuple[Entry, ...]] = MappingProxyType({})
    """By currency: the same of the member's other currencies."""


_NOTHING = Played(Turn(new(""), "", {}), NOT_RATED)
"""What a message that gives nothing after all has done."""


def is_late(member: Member, fact: MemberFact, at_ms: int, cold: Cold) -> bool:
    """Whether a fact belongs before something that this member's book has folded already. `cold` has `said_before`."""
    if at_ms > member.now_ms:
        return fact.type == "correction" or (fact.type == "message" and heard(fact, cold) is not None)
    return at_ms < member.now_ms or fact.type in REPLACED or order_of(fact, at_ms) <= member.newest


def said_before(fact: MemberFact, cold: Cold) -> tuple[ColdKey, ...]:
    """The rows that say whether another revision of a fact has come, as far as `is_late` asks."""
    return absent([row_of(fact)], cold) if fact.type == "message" else ()


def late_needs(member: Member, fact: MemberFact, at_ms: int, cold: Cold) -> tuple[ColdKey, ...]:
    """The cold rows to begin with; `refold` asks for the others by `Missing`."""
    if fact.type == "correction" and (missing := unread(fact.id, cold)):
        return missing
    return begin(member, _cut(member, fact, at_ms, cold), cold)


def refold(member: Member, fact: MemberFact, at_ms: int, seq: int, plan: Plan, cold: Cold) -> Refolded:
    """Fold a late fact. `cold` has `late_needs`. Mutates `member` unless it is refused. Raises Missing and Broken."""
    if no := refused_now(member, fact, plan.at(at_ms)):
        return Refolded(no, False, "", 0, (), {}, ())
    again = Again(member, _cut(member, fact, at_ms, cold), plan, cold)
    if not again.put(fact, at_ms, seq):
        return Refolded(None, False, "", 0, (), {}, ())  # a newer revision counts already
    again.run()
    mine = again.played.get(seq) or _NOTHING
    if mine.refusal is not None and fact.type != "return":
        return Refolded(mine.refusal, False, "", 0, (), {}, ())
    entries = again.post(f"late {fact.type}")
    version = mine.rated.version
    return Refolded(
        mine.refusal, mine.waits, version.name if version is not None else "", mine.rated.tier,
        entries, again.cold, tuple(again.rewards()), tuple(again.messages()),
        mine.turn.lots, again.elsewhere,
    )  # fmt: skip


def refused_now(member: Member, fact: Any, version: Version | None) -> Refusal | None:
    """Whether a late request is declined, as the member stands; `version`: that of its own instant."""
    asked = ASKED.get(fact.type)
    account = None if asked is None else _account(member, fact, version)
    return None if asked is None or account is None else asked(account, fact, member.now_ms)


def _account(member: Member, fact: Any, version: Version | None) -> Member | None:
    """Where the points that a fact asks for lie. None: of a currency that there is not, for which it is refused."""
    currency: str | None = getattr(fact, "unit", None)
    if currency is None:
        return member
    known = version is not None and currency in version.currencies
    return purse_of(member, currency) if known or currency in member.purses else None


def rerate(member: Member, from_ms: int, plan: Plan, cold: Cold) -> Refolded:
    """Fold again what lies at or after an instant, under a plan that has changed from there on. As `refold`."""
    if missing := begin(member, from_ms, cold):
        raise Missing(missing)
    again = Again(member, from_ms, plan, cold)
    again.run()
    entries = again.post("programme")
    return Refolded(
        None, False, "", 0, entries, again.cold, tuple(again.rewards()), tuple(again.messages()), (), again.elsewhere
    )


class Again:
    """A member's facts from an instant on, folded again on a copy."""

    def __init__(self, member: Member, cut_ms: int, plan: Plan, cold: Cold) -> None:
        self._member = member
        self._plan = plan
        self._loaded = cold
        base = base_of(member, cut_ms)
        steps, written = since(member, base, cold)
        self._facts: list[tuple[Any, Outcome | None, Step]] = [(*booked(cold, step), step) for step in steps]
        state = cold["state", str(base)] if base else None
        self._base = new(member.id) if state is None else decode(member.id, state)
        self._base.chunks = [chunk for chunk in self._base.chunks if chunk in member.chunks]
        truncated = {key: as_of(cold[key], self._base.turns) for key in written}
        gone: dict[ColdKey, bytes | None] = {
            (kind, str(number)): None
            for number in range(base + 1, member.chunks_made + 1)
            for kind in ("chunk", "state")
        }
        self.cold: dict[ColdKey, bytes | None] = truncated | gone
        """The rows that are to be written."""
        self._put: set[int] = set()
        """By seq: facts that no row has yet."""
        self._dropped: list[tuple[MemberFact, tuple[Told, Sent]]] = []
        self._moved: set[int] = set()
        """By seq: facts that stand at another instant than their revision before."""
        self.played: dict[int, Played] = {}
        """By seq."""
        self.elsewhere: dict[str, tuple[Entry, ...]] = {}
        """By currency: what leads from the purse as it is to the purse as it comes out."""

    def put(
        self,
        fact: MemberFact,
        at_ms: int,
        seq: int,
        outcome: Outcome | None = None,
        given: tuple[Told, Sent] = ((), ()),
        claimed_ms: int | None = None,
    ) -> bool:
        """Let a fact count. False: a newer revision of it counts already. A message of nothing leaves no trace.

        outcome, given, claimed_ms: of a forwarded fact, what became of it; of two equal ones the first claim counts.
        """
        told, sent = given
        self._put.add(seq)
        for row in self._facts:
            if row[0].id == fact.id:
                if row[0].revision > fact.revision:
                    return False
                if row[0].revision == fact.revision:
                    if claimed_ms is None or claimed_ms >= claimed_of(self._loaded["step", str(row[2][1])] or b""):
                        return False
                    self.drop(row[0], row[2][2:])
                else:
                    _, _, told, sent = row[2]
                if row[2][0] != at_ms:
                    self._moved.add(seq)
                self._facts.remove(row)
                break
        if fact.type != "message" or fact.lots:
            self._facts.append((fact, outcome, (at_ms, seq, told, sent)))
        return True

    def drop(self, fact: MemberFact, given: tuple[Told, Sent]) -> None:
        """What was told of a fact that counts no longer is to be taken back."""
        self._dropped.append((fact, given))

    def take_out(self, owners: Collection[str]) -> list[tuple[Any, Outcome, Step]]:
        """Let the forwarded facts of some members count no longer. Returns them."""
        gone = [row for row in self._facts if row[2][1] < 0 and row[0].member in owners]
        self._facts = [row for row in self._facts if row not in gone]
        return gone  # type: ignore[return-value]  # each was booked

    def refusal(self, seq: int) -> Refusal | None:
        """Why a fact was refused; None when it was not."""
        played = self.played.get(seq)
        return None if played is None else played.refusal

    def outcome(self, seq: int) -> Outcome:
        """What became of a fact that was put here."""
        mine = self.played.get(seq) or _NOTHING
        if mine.refusal is not None:
            return Outcome("declined", mine.refusal.text)
        version = mine.rated.version
        name = version.name if version is not None else ""
        return Outcome("waiting") if mine.waits else Outcome("done", "", name, mine.rated.tier, mine.turn.lots)

    def run(self) -> None:
        """Fold everything again, in the order of time. Raises Missing."""
        said = {("fact", fact.id): self._said(fact, step) for fact, _, step in self._facts}
        new = {("step", str(step[1])): _unbooked(fact) for fact, _, step in self._facts if step[1] in self._put}
        view: dict[ColdKey, bytes | None] = {**self._loaded, **self.cold, **said, **new, **self._granted()}
        wanted: dict[ColdKey, None] = {}
        for fact, outcome, step in sorted(self._facts, key=lambda row: order_of(row[0], row[2][0])):
            ahead = foreseen(self._base, fact, step[0], self._plan, view)
            wanted |= dict.fromkeys(needs(self._base, fact, step[0], self._plan, view, ahead))
            if not wanted:  # else only what the others need beyond what is there, for the same query
                self._play(fact, outcome, step, view, ahead)
        if wanted:
            raise Missing(tuple(wanted))
        self._pass_time(view)

    def _granted(self) -> dict[ColdKey, bytes | None]:
        """The lots that transfers were granted with."""
        return {
            (transfers.SENT, fact.id): transfers.row(outcome.lots)
            for fact, outcome, _ in self._facts
            if outcome is not None and fact.type in transfers.REQUESTS
        }

    def _said(self, fact: MemberFact, step: Step) -> bytes | None:
        """The row of a purchase as it was said first; it does not count where a correction stands for it."""
        return self._loaded.get(("step", str(step[1]))) if fact.type == "purchase" and step[1] >= 0 else None

    def _play(
        self,
        fact: MemberFact,
        outcome: Outcome | None,
        step: Step,
        view: dict[ColdKey, bytes | None],
        ahead: Worth | None,
    ) -> None:
        at_ms, seq = step[:2]
        decided = outcome is not None or fact.type == "redemption_requested"
        played = play(self._base, fact, at_ms, self._plan, view, decided=decided, ahead=ahead)
        turn, tier = played.turn, played.rated.tier
        # where no outcome of its own in the tables has this level
        unsaid = fact.type == "purchase" and (outcome is None or outcome.tier != tier or seq < 0)
        if unsaid and ("purchase", fact.id) not in turn.written:
            keep(turn, standing(fact, at_ms, tier))  # type: ignore[arg-type]
        self._base.newest = order_of(fact, at_ms)
        record(turn, (at_ms, seq, played.rated.told, turn.sent), self._plan)
        self.played[seq] = played
        self.cold |= turn.written
        view |= turn.written

    def _pass_time(self, view: dict[ColdKey, bytes | None]) -> None:
        """To where the book was already: what time alone has done since then it does again."""
        if self._member.now_ms > self._base.now_ms:
            if lack := tick_needs(self._base, self._member.now_ms, self._plan, view):
                raise Missing(lack)
            turn = Turn(self._base, "tick", view)
            advance(turn, self._member.now_ms, self._plan)
            finish(turn, self._plan)
            self.cold |= turn.written
            view |= turn.written

    def post(self, why: str) -> tuple[Entry, ...]:
        """What leads from the member as it is to the member as it comes out; it becomes that one. Raises Missing."""
        member, base = self._member, self._base
        same = [page for page in member.pages if page in base.pages and ("lots", str(page.number)) not in self.cold]
        view = {**self._loaded, **self.cold}
        for book, rows in ((member, self._loaded), (base, view)):
            if lack := rows_missing([page for page in book.pages if page not in same], rows):
                raise Missing(lack)
        entries = difference(positions(member, same, self._loaded), positions(base, same, view), member, why)
        for currency in sorted({*member.purses, *base.purses}):
            moved = self._between(purse_of(member, currency), purse_of(base, currency), currency, why)
            if moved:
                self.elsewhere[currency] = moved
        for name in member.__struct_fields__:
            if name not in ARRIVAL:
                setattr(member, name, getattr(base, name))
        return entries

    def _between(self, purse: Member, base: Member, currency: str, why: str) -> tuple[Entry, ...]:
        """As `post`, of one currency: without the shortcut of pages that are the same."""
        there, then = Rows(self._loaded, currency), Rows({**self._loaded, **self.cold}, currency)
        for book, rows in ((purse, there), (base, then)):
            if absent := rows_missing(book.pages, rows):
                raise Missing(tuple(key_of(currency, key) for key in absent))
        return difference(positions(purse, [], there), positions(base, [], then), purse, why)

    def rewards(self) -> Iterator[RewardDue]:
        """What partners are told: of each fact that is worth otherwise than before, the difference."""
        for fact, _, (_, seq, before, _) in self._facts:
            yield from rewards_of(fact, self.played[seq].rated.told, before)
        for fact, (told, _) in self._dropped:
            yield from rewards_of(fact, (), told)

    def messages(self) -> Iterator[Message]:
        """What other members are told: of each fact that gives them something else than before, the new whole."""
        for fact, _, (_, seq, _, before) in self._facts:
            now = self.played[seq].turn.sent
            if before or now:
                yield from letters(self._member, fact, before, now, moved=seq in self._moved)
        for fact, (_, sent) in self._dropped:
            yield from letters(self._member, fact, sent, ())


def _cut(member: Member, fact: MemberFact, at_ms: int, cold: Cold) -> int:
    """The instant from which everything is to be folded again: of the fact, and of the revision that it replaces."""
    if fact.type == "message":
        known = heard(fact, cold)
        return at_ms if known is None else min(at_ms, known.at_ms)
    if fact.type != "correction":
        return at_ms
    stands = current(fact.id, cold)
    return at_ms if stands is None else min(at_ms, stands.at_ms)


def begin(member: Member, cut_ms: int, cold: Cold) -> tuple[ColdKey, ...]:
    """The rows that are missing to begin again at an instant."""
    base = base_of(member, cut_ms)
    if missing := absent(chunk_keys(member, base), cold):
        return missing
    steps, written = since(member, base, cold)
    return absent([("step", str(step[1])) for step in steps] + written, cold)


def booked(cold: Cold, step: Step) -> tuple[Any, Outcome]:
    row = cold["step", str(step[1])]
    if row is None:
        raise Broken(f"the fact of seq {step[1]} is not in the tables")
    body, outcome = unpack(row)
    return decode_fact(body), outcome


def _unbooked(fact: MemberFact) -> bytes:
    """The row that a fact will have, as far as others need it."""
    return pack(encode_fact(fact), encode_outcome(Outcome("done")))


def absent(keys: Any, cold: Cold) -> tuple[ColdKey, ...]:
    return tuple(key for key in keys if key not in cold)
