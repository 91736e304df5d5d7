"""Members who turn out to be one person: the facts of the one go to the account of the other, which counts them all.

A merged account is empty and forwards whatever comes to it, so cards need no new way. What it had goes as its facts,
each with its id, instant and what was decided; the account that stays folds them among its own, in the order of time. A
fact that both have (one receipt on two cards) counts once, for whoever claimed it first. Taking the merge back sends
the facts of the gone member home again, with those that have come since. Pure; does not own the way between accounts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import blake2b
from types import MappingProxyType
from typing import Any, NamedTuple, cast

import msgspec

from events.decode import decode_fact, encode_fact, twin
from events.entries import Entry, Outcome, decode_outcome, encode_outcome
from events.facts import Forwarded, MemberFact, Merged, Message
from events.facts.forwarded import ID, Inner
from events.refusals import Refusal
from services.book.baskets import Standing
from services.book.difference import difference, positions
from services.book.history import chunk_keys, since
from services.book.member import Member, Merges, Sent, Told, new
from services.book.messages import hear, heard, row_of
from services.book.ontime import ARRIVAL, Again, Missing, absent, begin, booked, refused_now
from services.book.pages import rows_missing
from services.book.purses import Rows, key_of
from services.book.rewards import RewardDue
from services.book.turn import Cold, ColdKey, claimed_of, lot_of, newest, pack, unpack, versioned
from services.book.way import circle_of, led_to, legs_of, way_of
from services.programme.calendar import NEVER, instant_ms
from services.programme.plan import Plan

_FORWARDED: Any = twin(Forwarded)
_INNER: Any = twin(Inner)

BUNDLE_CHARACTERS = 2_000_000
"""Of facts in one record. A member with more sends several."""

NEVER_FORWARDED = ("forwarded", "merged", "tick", "programme_published")
"""What no forwarded fact is."""

FORWARDED = Outcome("forwarded")
_DONE = Outcome("done")

_Given = tuple[Told, Sent]
_given = msgspec.json.Decoder(_Given).decode
_json = msgspec.json.Encoder().encode


class Did(NamedTuple):
    """What a fact of this kind did to the account."""

    outcome: Outcome
    entries: tuple[Entry, ...] = ()
    cold: Mapping[ColdKey, bytes | None] = MappingProxyType({})
    rewards: tuple[RewardDue, ...] = ()
    messages: tuple[Message, ...] = ()
    elsewhere: Mapping[str, tuple[Entry, ...]] = MappingProxyType({})
    """By currency: the entries of its account."""


class Known(NamedTuple):
    """The row ("inner", id) of a forwarded fact that counts here: the newest revision, its instant and its number."""

    revision: int
    at_ms: int
    number: int


_pack_known = msgspec.msgpack.Encoder().encode
_known = msgspec.msgpack.Decoder(Known).decode


def inner_key(fact: MemberFact) -> ColdKey:
    """Where an account that has taken in others' facts remembers a fact of this id."""
    return "inner", fact.id


def known_inner(fact: MemberFact, cold: Cold) -> Known | None:
    """The forwarded fact of the same id that counts here. None: there is none."""
    row = cold.get(inner_key(fact))
    return None if row is None else _known(row)


# ---------------------------------------------------------------- the account that goes


def hand_over(member: Member, fact: Merged, cold: Cold) -> Did:
    """Empty an account: all its facts go to the one that stays. Raises Missing."""
    merges = member.merges or Merges()
    if refusal := _refused(member, merges, fact):
        return Did(Outcome("declined", refusal.text))
    rows = chunk_keys(member, 0)
    if missing := absent(rows, cold):
        raise Missing(missing)
    steps, written = since(member, 0, cold)
    missing = absent([("step", str(step[1])) for step in steps], cold) + rows_missing(member.pages, cold)
    for currency, purse in member.purses.items():
        missing += tuple(key_of(currency, key) for key in rows_missing(purse.pages, Rows(cold, currency)))
    if missing:
        raise Missing(missing)
    bundle: list[Any] = []
    gone: list[ColdKey] = [*rows, *written, *(("state", str(number)) for _, number, _ in member.chunks)]
    for step in steps:
        told, outcome = booked(cold, step)
        key = "step", str(step[1])
        bundle.append(_inner(told, outcome, step[2:], claimed_of(cast("bytes", cold[key]))))
        gone += [key, inner_key(told)] if step[1] < 0 else []
    entries = difference(positions(member, (), cold), {}, member, "merged")
    elsewhere = {
        currency: difference(positions(purse, (), Rows(cold, currency)), {}, purse, "merged")
        for currency, purse in sorted(member.purses.items())
    }
    legs = legs_of(member.id, merges.taken, merges.taken)
    _become(member, new(member.id))
    member.merges = msgspec.structs.replace(merges, into=fact.into, merge=fact.id, taken={})
    messages = _records(member, fact.into, fact.occurred_at, fact.id, "to", bundle, legs)
    return Did(_DONE, entries, dict.fromkeys(gone), (), tuple(messages), elsewhere)


def _refused(member: Member, merges: Merges, fact: Merged) -> Refusal | None:
    if member.beyond.erased:
        return Refusal.MEMBER_MUST_NOT_BE_ERASED
    if fact.into == member.id or fact.into in merges.taken:
        return Refusal.MERGE_MUST_NOT_GO_ROUND
    return Refusal.MEMBER_MUST_NOT_BE_MERGED if merges.into else None


def forward(member: Member, fact: Any, claimed_ms: int) -> Did:
    """Send on what has come to an account that is merged."""
    merges = cast("Merges", member.merges)
    if fact.type == "merged":
        return Did(Outcome("declined", Refusal.MEMBER_MUST_NOT_BE_MERGED.text))
    legs: tuple[Any, ...] = ()
    facts = [_INNER(fact=_text(fact), claimed_ms=claimed_ms)]
    home: tuple[Message, ...] = ()
    if fact.type == "forwarded":
        member.said = max(member.said, fact.said)
        stays, home = _sent_home(member, merges, fact)
        if stays is None:
            return Did(FORWARDED, (), {}, (), home)
        legs, facts = way_of(member.id, stays), list(stays.facts)
    key = f"{fact.id}:{fact.revision}"
    record = _record(member, merges.into, fact.occurred_at, merges.merge, "to", key, facts, legs)
    return Did(FORWARDED, (), {}, (), (*home, record))


def is_for_itself(member: Member, fact: Any) -> bool:
    """Whether a merged account takes something in after all: its own facts that come home, or what has come to it by
    merges that make a circle with its own. Of those in a circle the one with the least id stays."""
    merges = cast("Merges", member.merges)
    if fact.type != "forwarded":
        return False
    if fact.way == "back":
        return bool(fact.merge == merges.merge)
    return member.id == min(circle_of(member.id, merges.into, way_of(member.id, fact)), default="")


# ---------------------------------------------------------------- the account that stays


def take_in(member: Member, envelope: Forwarded, plan: Plan, cold: Cold) -> Did:
    """Fold forwarded facts among those of this account, but for what belongs home by now. Raises Missing."""
    stays, home = _sent_home(member, member.merges or Merges(), envelope)
    if stays is None:
        return Did(FORWARDED, (), {}, (), home)
    did = _fold(member, stays, plan, cold)
    return did._replace(messages=(*home, *did.messages))


def _fold(member: Member, envelope: Forwarded, plan: Plan, cold: Cold) -> Did:
    """One fact that has just come is decided here, and may be declined; whatever was decided before is booked."""
    merges = member.merges or Merges()
    facts: list[Any] = [decode_fact(inner.fact.encode()) for inner in envelope.facts]
    if len(facts) == 1 and facts[0].type == "unmerged":
        return release(member, facts[0], plan, cold)
    home = envelope.way == "back"
    if missing := absent([key for fact in facts for key in _keys_of(fact, home)], cold):
        raise Missing(missing)
    arrived = [one for one in _once(zip(facts, envelope.facts, strict=True)) if not _is_old(one[0], cold)]
    cut_ms = min([_instant_of(fact, home, cold) for fact, _ in arrived], default=NEVER)
    if not arrived:
        _note(member, merges, envelope, merges.inner)
        return Did(_DONE)
    if missing := begin(member, cut_ms, cold):
        raise Missing(missing)
    again = Again(member, cut_ms, plan, cold)
    number, mine = merges.inner, []
    for fact, inner in arrived:
        at_ms, outcome, given = instant_ms(fact.occurred_at), _outcome(inner), _given_of(inner)
        if outcome is None and (no := refused_now(member, fact, plan.at(at_ms))):
            return Did(Outcome("declined", no.text))
        number += 1
        if again.put(fact, at_ms, -number, outcome, given, inner.claimed_ms):
            mine.append((fact, inner, at_ms, -number))
        else:
            again.drop(fact, given)
    again.run()
    asked = len(arrived) == 1 and mine and envelope.facts[0].outcome is None and mine[0][0].type != "return"
    if asked and (no := again.refusal(mine[0][3])):
        return Did(Outcome("declined", no.text))
    entries = again.post("merged")
    rows = dict(again.cold)
    for fact, inner, at_ms, seq in mine:
        here = again.outcome(seq)
        outcome = msgspec.structs.replace(_outcome(inner) or here, tier=here.tier)
        rows["step", str(seq)] = pack(inner.fact.encode(), encode_outcome(outcome), inner.claimed_ms)
        rows[inner_key(fact)] = _pack_known(Known(fact.revision, at_ms, -seq))
        if fact.type == "message":
            rows[row_of(fact)] = hear(fact, at_ms)
    _note(member, merges, envelope, number)
    outcome = again.outcome(mine[0][3]) if len(mine) == 1 else _DONE
    return Did(outcome, entries, rows, tuple(again.rewards()), tuple(again.messages()), again.elsewhere)


def release(member: Member, fact: Any, plan: Plan, cold: Cold) -> Did:
    """Take a merge back: the facts of the gone member go home. Raises Missing."""
    merges = member.merges or Merges()
    if fact.member not in merges.taken:
        return Did(Outcome("declined", Refusal.MEMBER_MUST_BE_MERGED.text))
    _, merge = merges.taken[fact.member]
    owners = led_to(fact.member, {owner: by for owner, (by, _) in merges.taken.items()})
    if missing := begin(member, -NEVER, cold):
        raise Missing(missing)
    again = Again(member, -NEVER, plan, cold)
    gone = again.take_out(owners)
    firsts: list[ColdKey] = [("fact", told.id) for told, _, _ in gone if told.type == "purchase"]
    if missing := absent(firsts, cold):
        raise Missing(missing)
    again.run()
    entries = again.post("unmerged")
    rows = dict(again.cold)
    bundle = []
    for told, outcome, step in gone:
        key = "step", str(step[1])
        bundle.append(_inner(told, outcome, step[2:], claimed_of(cast("bytes", cold[key]))))
        rows[key] = rows[inner_key(told)] = None
        if cold.get(("fact", told.id)) is not None:  # this account claimed it too, and later
            rows["purchase", told.id] = versioned(member, Standing(told.id, step[0], 0, "", "", told.revision, ()))
    taken = {owner: by for owner, by in merges.taken.items() if owner not in owners}
    member.merges = msgspec.structs.replace(merges, taken=taken, released=(*merges.released, merge))
    legs = legs_of(member.id, merges.taken, owners - {fact.member})
    home = _records(member, fact.member, fact.occurred_at, merge, "back", bundle, legs)
    return Did(_DONE, entries, rows, tuple(again.rewards()), (*again.messages(), *home), again.elsewhere)


def _sent_home(member: Member, merges: Merges, envelope: Forwarded) -> tuple[Forwarded | None, tuple[Message, ...]]:
    """Send home what was on its way here when a merge on it was taken back. Returns what is left of the record (None:
    nothing) and the records."""
    home: list[Message] = []
    stays: Any = envelope
    while (leg := next((leg for leg in way_of(member.id, stays) if leg.merge in merges.released), None)) is not None:
        owners = led_to(leg.member, {one.member: one.into for one in stays.legs})
        facts = [(decode_fact(inner.fact.encode()).member in owners, inner) for inner in stays.facts]  # type: ignore[union-attr]
        legs = [one for one in stays.legs if one.member in owners - {leg.member}]
        mine = [inner for is_mine, inner in facts if is_mine]
        key = f"{envelope.id}:{envelope.revision}"
        home.append(_record(member, leg.member, envelope.occurred_at, leg.merge, "back", key, mine, legs))
        if envelope.way == "to" and (leg.member == envelope.sender or len(mine) == len(facts)):
            return None, tuple(home)
        stays = msgspec.structs.replace(
            stays,
            facts=tuple(inner for is_mine, inner in facts if not is_mine),
            legs=tuple(one for one in stays.legs if one.member not in owners),
        )
    return stays, tuple(home)


def _note(member: Member, merges: Merges, envelope: Forwarded, number: int) -> None:
    """Remember whose facts have come, and by which merges; the account is itself, if it was not."""
    member.said = max(member.said, envelope.said)
    taken = dict(merges.taken)
    for leg in way_of(member.id, envelope):
        if leg.member != member.id:
            taken.setdefault(leg.member, ("" if leg.into == member.id else leg.into, leg.merge))
    member.merges = msgspec.structs.replace(merges, into="", taken=taken, inner=number)


# ---------------------------------------------------------------- what is known of a fact


def _keys_of(fact: Any, home: bool) -> list[ColdKey]:
    """What tells whether a forwarded fact is known here. One that comes home is known by nothing but its like: its own
    row in the tables is that of before the merge."""
    keys = [inner_key(fact), *([row_of(fact)] if fact.type == "message" else [])]
    return keys if home else [*keys, ("fact", fact.id), ("purchase", fact.id)]


def _once(facts: Iterable[tuple[Any, Inner]]) -> Iterable[tuple[Any, Inner]]:
    """Of those of one id the newest revision; of equal ones the first claim. No account of ours says one twice."""
    found: dict[str, tuple[Any, Inner]] = {}
    for fact, inner in facts:
        other = found.get(fact.id)
        if other is None or (fact.revision, -inner.claimed_ms) > (other[0].revision, -other[1].claimed_ms):
            found[fact.id] = fact, inner
    return found.values()


def _is_old(fact: Any, cold: Cold) -> bool:
    """Whether a newer revision has come already."""
    if fact.type == "message" and (said := heard(fact, cold)) is not None and said.revision > fact.revision:
        return True
    known = known_inner(fact, cold)
    return known is not None and known.revision > fact.revision


def _instant_of(fact: Any, home: bool, cold: Cold) -> int:
    """From when on everything is to be folded again: of the fact, and of whatever stands under its id."""
    found = [instant_ms(fact.occurred_at)]
    if known := known_inner(fact, cold):
        found.append(known.at_ms)
    if home:
        return min(found)
    if (row := cold.get(("fact", fact.id))) is not None:
        found.append(instant_ms(decode_fact(unpack(row)[0]).occurred_at))
    if (stands := newest(cold.get(("purchase", fact.id)), Standing)) is not None:
        found.append(stands.at_ms)
    return min(found)


# ---------------------------------------------------------------- records


def _records(
    member: Member, to: str, occurred_at: str, merge: str, way: str, facts: Sequence[Any], legs: Sequence[Any]
) -> Iterator[Message]:
    """All facts, in as many records as they need; at least one, so that the other hears of the merge."""
    part: list[Any] = []
    size = number = 0
    for inner in facts:
        if part and size + len(inner.fact) > BUNDLE_CHARACTERS:
            yield _record(member, to, occurred_at, merge, way, str(number), part, legs)
            part, size, number = [], 0, number + 1
        part.append(inner)
        size += len(inner.fact)
    yield _record(member, to, occurred_at, merge, way, str(number), part, legs)


def _record(
    member: Member, to: str, occurred_at: str, merge: str, way: str, key: str, facts: Sequence[Any], legs: Sequence[Any]
) -> Message:
    name = "\n".join((member.id, merge, way, to, key)).encode()
    record = _FORWARDED(
        id=ID + blake2b(name, digest_size=16).hexdigest(),
        occurred_at=occurred_at,
        member=to,
        sender=member.id,
        way=way,
        merge=merge,
        said=member.said,
        legs=tuple(legs),
        facts=tuple(facts),
    )
    return cast("Message", record)


def _inner(fact: MemberFact, outcome: Outcome, given: Any, claimed_ms: int) -> Any:
    return _INNER(
        fact=_text(fact), outcome=encode_outcome(outcome).decode(), given=_json(given).decode(), claimed_ms=claimed_ms
    )


def _text(fact: Any) -> str:
    return encode_fact(msgspec.structs.replace(fact, source=None)).decode()


def _outcome(inner: Inner) -> Outcome | None:
    return None if inner.outcome is None else decode_outcome(inner.outcome)


def _given_of(inner: Inner) -> _Given:
    return ((), ()) if inner.given is None else _given(inner.given)


def check_readable(inner: Inner) -> None:
    """Raises ValueError where what is said about a forwarded fact could not be used."""
    outcome = _outcome(inner)
    for text, _ in outcome.lots if outcome is not None else ():
        lot_of(text)
    _given_of(inner)


def _become(member: Member, other: Member) -> None:
    for name in member.__struct_fields__:
        if name not in ARRIVAL:
            setattr(member, name, getattr(other, name))
