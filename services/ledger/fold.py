"""Steps 2 to 4: from drafts to a batch, in memory. Duplicates out, members and cold rows in, each fact rated, booked.

Owns the order of things and what a fact becomes in rows and records. Does not own what a fact does to a member
(services/book), nor the commit. A fact that the book cannot fold stops its partition: that part is thrown away, and
the partitions beside it go on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from typing import Any

from events.decode import decode_fact, encode_fact, same_content
from events.entries import Outcome, Posting, encode_outcome
from events.facts import ProgrammePublished
from events.facts.ticks import Tick, slice_of
from events.rewards import Reward
from events.rewards import encode as encode_reward
from infra.kafka.client import partition_of
from infra.postgres.pool import PostgresError
from services.book.due import due_ms
from services.book.member import Broken, Member, decode, encode, new
from services.book.rewards import pseudonym
from services.book.step import Missing, Result, needs, needs_nothing, rerate, step, tick
from services.book.turn import Cold as Known
from services.ledger import cold as cold_rows
from services.ledger.batch import WAITED_FOR, Batch, Chunk, Done, Item, Parked, Part, StoredFact
from services.ledger.cold import Cold
from services.ledger.duplicates import set_known_aside, set_repeats_aside, to_look_up
from services.ledger.plans import Plans
from services.ledger.published import (
    asked_of,
    entries_message,
    outcome_message,
    postings_column,
    reward_message,
    stored_answer,
)
from services.ledger.reading import Draft, digest
from services.ledger.relay import OUTAGES
from services.ledger.store import Store
from services.programme.calendar import NEVER
from services.programme.compile import begins_ms
from services.programme.plan import Plan
from services.programme.rate import Worth
from services.programme.written import ProgrammeError

YIELD_EVERY = 64
"""Facts between two yields to the event loop: the commit in flight needs its turns."""

BROKEN = (Exception,)
"""What a fact that cannot be folded raises: an invariant, or a bug of the pure rooms, which may be anything. Either
stops its partition. What comes from the servers is told apart before (SERVERS)."""

SERVERS: tuple[type[Exception], ...] = (*OUTAGES, PostgresError)
"""Repeats the batch, or ends the process."""

_DONE = Outcome("done")


class Stopped(Exception):
    """A fact that cannot be folded. Its partition stands before it until a better program comes."""

    def __init__(self, partition: int, offset: int, why: str) -> None:
        super().__init__(f"journal.v1/{partition} stops at offset {offset}: {why}")
        self.partition, self.offset = partition, offset


class Fold:
    """Folds drafts into batches. Keeps nothing between two of them: state is in `Owned`."""

    def __init__(self, store: Store, plans: Plans, partitions: int) -> None:
        """partitions: of the journal, for life."""
        self._store = store
        self._plans = plans
        self._partitions = partitions
        self._folded = 0

    async def run(
        self, drafts: Sequence[Draft], in_flight: Batch | None, careful_before: Mapping[int, int]
    ) -> tuple[Batch, list[Stopped]]:
        """The batch of these drafts, and the partitions that stop (their parts are not in it).

        careful_before: partition -> every fact below this offset is looked for in the index. Raises one of OUTAGE:
        then, as for the partitions that stop, what is cached of the drafts' partitions is spoilt.
        """
        for draft in drafts:
            set_repeats_aside(draft, in_flight)
        await self._load_members(drafts)
        wanted = [one for draft in drafts for one in to_look_up(draft, careful_before.get(draft.owned.partition, 0))]
        if wanted:
            set_known_aside(drafts, await self._store.known_facts(wanted))
        colds = [
            Cold(_begin(draft), in_flight.part(draft.owned.partition) if in_flight is not None else None)
            for draft in drafts
        ]
        await self._prefetch(drafts, colds)
        batch = Batch([])
        stopped: list[Stopped] = []
        for draft, cold in zip(drafts, colds, strict=True):
            try:
                await self._fold(draft, cold)
            except Stopped as stop:
                stopped.append(stop)
            else:
                batch.parts.append(cold.part)
        for part in batch.parts:
            batch.records += part.next_offset - part.at_offset
        batch.members = await self._member_rows(batch.parts)
        return batch, stopped

    # ------------------------------------------------------------ step 3: load

    async def _load_members(self, drafts: Sequence[Draft]) -> None:
        """Every member of the drafts' facts into the cache; one who is not in the tables stays missing."""
        missing: dict[tuple[int, str], None] = {}
        by_partition = {draft.owned.partition: draft for draft in drafts}
        for draft in drafts:
            members, partition = draft.owned.members, draft.owned.partition
            for item in draft.items:
                name = item.member
                if name is not None and name not in members:
                    missing[partition, name] = None
        if missing:
            for partition, name, state in await self._store.members(list(missing)):
                draft = by_partition[partition]
                try:
                    draft.owned.members[name] = decode(name, state)
                except Broken as error:
                    draft.unreadable[name] = error

    async def _prefetch(self, drafts: Sequence[Draft], colds: Sequence[Cold]) -> None:
        """The cold rows that the facts seem to need, in few queries for all of them. Nobody's facts need none, and
        a new member's: there is nothing in the tables."""
        asking: list[tuple[Cold, Item, Worth | None]] = []
        for draft, cold in zip(drafts, colds, strict=True):
            members, plan = draft.owned.members, draft.owned.plan
            for item in draft.items:
                member = None if item.member is None else members.get(item.member)
                try:
                    if member is None or needs_nothing(member, item.fact, item.at_ms, plan):  # type: ignore[arg-type]
                        continue
                except BROKEN:
                    continue  # met again, and reported, when its turn comes
                asking.append((cold, item, None))
        while asking:
            still, wanted = [], []
            for cold, item, found in asking:
                name, owned = item.member, cold.part.owned
                assert name is not None
                member = owned.members[name]
                try:
                    keys, ahead = needs(member, item.fact, item.at_ms, owned.plan, cold.of(name), found)  # type: ignore[arg-type]
                except BROKEN:
                    continue
                if keys:
                    still.append((cold, item, ahead))
                    wanted += [(cold, name, key) for key in keys]
                elif ahead is not None:
                    cold.rated(item.record.offset, ahead)
            if wanted:
                await cold_rows.load(self._store, wanted)
            asking = still

    # ------------------------------------------------------------ step 4: rate and post

    async def _fold(self, draft: Draft, cold: Cold) -> None:
        """Every fact of a draft, in order, then its repeats. Raises Stopped."""
        part, owned = cold.part, draft.owned
        for item in draft.items:
            self._folded += 1
            if self._folded % YIELD_EVERY == 0:
                await asyncio.sleep(0)
            if item.member is not None:
                missing = self._member_fact(draft, cold, item, cold.worth(item.member, item.record.offset))
                while missing is not None:
                    await self._look_up(cold, item, {item.member: missing})
                    missing = self._member_fact(draft, cold, item, missing.ahead)
            elif item.fact.type == "tick":
                await self._tick(cold, item)
            else:
                await self._programme(cold, item)
        for item, first in draft.repeats:
            _answer_again(draft, part, item, first)
        owned.next_offset, owned.next_seq, owned.last_hash = part.next_offset, part.next_seq, part.last_hash
        owned.reward_seqs.update(part.reward_seqs)

    def _member_fact(self, draft: Draft, cold: Cold, item: Item, ahead: Worth | None) -> Missing | None:
        """Book a member's fact. Returns what must be looked up first; None: it is booked, or parked. Raises Stopped.

        ahead: of what the last try has returned, or of the batch's look while nothing was folded into the member since.
        """
        part, fact, name = cold.part, item.fact, item.member
        assert name is not None
        owned = part.owned
        member = owned.members.get(name)
        if member is None:
            if name in draft.unreadable:
                raise _stopped(owned.partition, item, draft.unreadable[name])
            if partition_of(name.encode(), self._partitions) != owned.partition:
                part.parked.append(Parked(item.record, f"member {name} belongs to another partition"))
                return None
            member = owned.members[name] = new(name)
        try:
            seq, rows, claimed_ms = part.next_seq, cold.of(name), item.record.timestamp_ms
            result = step(member, fact, item.at_ms, seq, owned.plan, rows, claimed_ms, ahead)  # type: ignore[arg-type]
            _touched(cold, member, result)
            outcome = _book(part, item, result.outcome, (result,))
            if fact.revision == 0:
                cold.booked(name, fact.id, item.record.value or b"", outcome)
        except Missing as missing:
            return missing
        except BROKEN as error:
            raise _stopped(owned.partition, item, error) from error
        return None

    async def _look_up(self, cold: Cold, item: Item, lack: Mapping[str, Missing]) -> None:
        """The cold rows that folds were found to lack, by member. Raises Stopped when one had them."""
        wanted = [(cold, name, key) for name, missing in lack.items() for key in missing.keys]
        if again := [(name, key) for _, name, key in wanted if key in cold.of(name)]:
            raise _stopped(cold.partition, item, Broken(f"cold rows are asked for that were given: {again}"))
        await cold_rows.load(self._store, wanted)

    async def _tick(self, cold: Cold, item: Item) -> None:
        """Alone in its batch and with none in flight, so the tables know every member who has something due."""
        part, owned, told = cold.part, cold.part.owned, _tick_of(item.fact)
        due = await self._store.due_members(owned.partition, item.at_ms, told.slice, told.slices)
        results = await self._fold_all(cold, item, due, lambda m, known: tick(m, item.at_ms, owned.plan, known))
        _book(part, item, _DONE, results)

    async def _fold_all(
        self, cold: Cold, item: Item, rows: Sequence[tuple[str, bytes]], fold: Callable[[Member, Known], Result | None]
    ) -> list[Result]:
        """What a fact of the whole partition does to these members. Raises Stopped."""
        todo: dict[str, Member] = {}
        results: dict[str, Result] = {}
        try:
            for name, state in rows:
                todo[name] = cold.part.owned.members.get(name) or decode(name, state)
            while todo:
                lack: dict[str, Missing] = {}
                for number, (name, member) in enumerate(todo.items()):
                    if number % YIELD_EVERY == 0:
                        await asyncio.sleep(0)
                    try:
                        result = fold(member, cold.of(name))
                    except Missing as missing:
                        lack[name] = missing
                        continue
                    if result is not None:
                        _touched(cold, member, result)
                        results[name] = result
                await self._look_up(cold, item, lack)
                todo = {name: todo[name] for name in lack}
        except SERVERS:
            raise
        except BROKEN as error:
            raise _stopped(cold.partition, item, error) from error
        return [results[name] for name in sorted(results)]

    async def _programme(self, cold: Cold, item: Item) -> None:
        """Alone like a tick. A programme that begins in the past rates again what has happened since."""
        part, owned = cold.part, cold.part.owned
        told = _programme_of(item.fact)
        if sha256(told.text.encode()).hexdigest() != told.sha256:
            part.parked.append(Parked(item.record, "sha256 is not that of the text"))
            return
        texts = (*owned.texts, told.text)
        try:
            plan = await self._plans.of(texts)
        except ProgrammeError as error:
            part.parked.append(Parked(item.record, f"the programme has faults: {'; '.join(error.faults)}"[:1000]))
            return
        owned.texts, owned.plan = texts, plan
        from_ms = begins_ms(told.text)
        begins = from_ms in plan.levels_ms or any(starts_ms == from_ms for starts_ms, _ in plan.carries)
        # what it takes over concerns those whom no fact has touched since, too
        since = await self._store.members_since(owned.partition, -NEVER if begins else from_ms)
        results = await self._fold_all(cold, item, since, lambda m, known: rerate(m, from_ms, plan, known))
        _book(part, item, _DONE, results)

    async def _member_rows(self, parts: Sequence[Part]) -> list[tuple[Any, ...]]:
        """The touched members' hot rows, encoded once a batch, before the next batch changes them."""
        rows: list[tuple[Any, ...]] = []
        for part in parts:
            for name in sorted(part.members):
                if len(rows) % YIELD_EVERY == 0:
                    await asyncio.sleep(0)
                rows.append(_member_row(part.partition, name, part.members[name], part.owned.plan))
        return rows


def _begin(draft: Draft) -> Part:
    owned = draft.owned
    return Part(
        owned=owned,
        at_offset=owned.next_offset,
        at_seq=owned.next_seq,
        next_offset=draft.next_offset,
        next_seq=owned.next_seq,
        last_hash=draft.last_hash,
        chunk=Chunk(owned.partition, owned.next_seq - 1, owned.next_seq - 1),
        parked=draft.parked,
        retries=draft.retries,
    )


def _member_row(partition: int, name: str, member: Member, plan: Plan) -> tuple[Any, ...]:
    timeline = member.timeline
    return (
        partition,
        name,
        slice_of(name),
        member.live - member.pending,
        member.pending,
        member.held,
        member.debt,
        timeline.level,
        timeline.sum_minor,
        due_ms(member, plan),
        member.high_water_ms,
        encode(member),
    )


def _tick_of(fact: Any) -> Tick:
    return fact  # type: ignore[no-any-return]  # a struct with the model's attributes (events/decode.py)


def _programme_of(fact: Any) -> ProgrammePublished:
    return fact  # type: ignore[no-any-return]


def _touched(cold: Cold, member: Member, result: Result) -> None:
    """A member was folded: its rows are to be written."""
    cold.part.members[member.id] = member
    if result.cold:
        cold.wrote(member.id, result.cold)


def _stopped(partition: int, item: Item, error: BaseException) -> Stopped:
    fact = item.fact
    return Stopped(partition, item.record.offset, f"{fact.type} {fact.id} cannot be folded: {error!r}")


# ---------------------------------------------------------------- what a fact becomes


def _book(part: Part, item: Item, outcome: Outcome, results: Sequence[Result]) -> bytes:
    """Number a fact, and make its rows and records. Returns its outcome as it is stored."""
    record, fact = item.record, item.fact
    partition, seq, chunk = part.owned.partition, part.next_seq, part.chunk
    part.next_seq = seq + 1
    chunk.last_seq = seq
    body = record.value or b""
    name = item.member
    postings: tuple[Posting, ...] = ()
    for result in results:
        postings += (result.posting, *result.elsewhere)
    stored = encode_outcome(outcome)
    part.facts.append(
        (
            partition,
            seq,
            fact.id,
            fact.revision,
            name,
            fact.type,
            item.at_ms,
            record.timestamp_ms,
            record.offset,
            digest(body),
            body,
            stored,
            postings_column(postings),
        )
    )
    part.entries.append((partition, seq, postings))
    chunk.entries.append(entries_message(partition, seq, fact, record.timestamp_ms, outcome, postings))
    answer = None
    if name is not None:
        answer = outcome_message(partition, fact, outcome, asked_of(fact, postings))
        chunk.outcomes.append(answer)
        chunk.waited_for = chunk.waited_for or fact.type in WAITED_FOR
    n = 0
    for result in results:
        if result.rewards:
            _reward(part, seq, result)
        for message in result.messages:
            value = encode_fact(message)
            part.messages.append((partition, seq, n, value))
            chunk.messages.append(value)
            n += 1
    done = part.done[fact.id, fact.revision] = Done(fact, body, stored, answer, record.timestamp_ms)
    part.booked.append(done)
    return stored


def _reward(part: Part, fact_seq: int, result: Result) -> None:
    partition = part.owned.partition
    for partner, kind, points, fact, occurred_at, store in result.rewards:
        seq = part.reward_seqs.get(partner) or part.owned.reward_seqs.get(partner, 1)
        part.reward_seqs[partner] = seq + 1
        reward = Reward(
            seq=seq,
            id=fact,
            partner=partner,
            member=pseudonym(partner, result.posting.member),
            kind=kind,
            points=points,
            occurred_at=occurred_at,
            store=store,
        )
        value = encode_reward(reward)
        part.rewards.append((partition, partner, seq, fact_seq, value))
        part.chunk.rewards.setdefault(partner, []).append(reward_message(partition, reward, value))


def _answer_again(draft: Draft, part: Part, item: Item, first: Done | StoredFact | None) -> None:
    """A repeat: the first one's outcome again, or, with other content under the same id, parked."""
    first = first or part.done.get((item.fact.id, item.fact.revision)) or _known(draft, item)
    if first is None:
        part.parked.append(Parked(item.record, "the record of this id before it is parked too"))
        return
    fact = first.fact if isinstance(first, Done) else decode_fact(first.body)
    if not same_content(fact, item.fact):
        reason = f"{item.fact.id} revision {item.fact.revision} is known with other content"
        part.parked.append(Parked(item.record, reason))
        return
    answer = first.answer if isinstance(first, Done) else stored_answer(first)
    if answer is not None:
        part.chunk.repeats.append(answer)


def _known(draft: Draft, item: Item) -> StoredFact | None:
    """The stored fact of the same key, where an earlier repeat of this draft has found it."""
    for other, first in draft.repeats:
        same = other.fact.id == item.fact.id and other.fact.revision == item.fact.revision
        if same and isinstance(first, StoredFact):
            return first
    return None
