"""A member's facts in the order of time: where each one stands, and rows to go back to when one comes late.

Owns chunks: every CHUNK facts that count, their places (row "chunk") and the member's row as it then was (row "state")
are written. Places are kept for ever, so every fact of a member can be found; states for the late window only, and
fewer the older they are. Does not own going back (services/book/ontime.py).
"""

from __future__ import annotations

from events.facts import MemberFact
from services.book.member import Chunk, Member, Step, encode
from services.book.turn import Cold, ColdKey, Turn
from services.programme.plan import Plan

import msgspec  # isort: skip

CHUNK = 16
"""Facts in a chunk. A late fact folds up to so many again, and those since; facts in order pay two rows a chunk."""

LATE_DAYS = 35
"""How far back a member's state is kept before any version says it. What comes later than that is folded again from the
first fact."""
_DAY_MS = 86_400_000

GAP = 4
"""The state of chunk n is kept for GAP more chunks, 2 * GAP where n is even, 4 * GAP where 4 divides it ... So a late
fact folds again a quarter more than lies since, and a member has few states however many facts the window holds."""

RANKS = {
    "enrolled": 0,
    "pool_joined": 0,
    "status_set": 0,
    "status_ended": 0,
    "message": 1,
    "adjusted": 1,
    "deed": 1,
    "purchase": 2,
    "correction": 2,
    "return": 3,
    "price_found": 4,
    "used": 5,
    "redemption_taken": 6,
    "redemption_requested": 6,
    "transfer_requested": 6,
    "contribution_requested": 6,
    "redemption_captured": 7,
    "redemption_voided": 8,
    "pool_left": 9,
    "erased": 9,
}
"""Which of two facts of one instant comes first: what gives before what takes, and what is spoken of before that."""
OTHERS = 4

_pack = msgspec.msgpack.Encoder().encode
_Written = list[tuple[str, str]]
_chunk = msgspec.msgpack.Decoder(tuple[list[Step], _Written]).decode
_steps = msgspec.msgpack.Decoder(list[Step]).decode


def order_of(fact: MemberFact, at_ms: int) -> tuple[int, int, str]:
    """The place of a fact in the order of time: instant, kind, id. The same for every order of arrival."""
    return at_ms, RANKS.get(fact.type, OTHERS), fact.id


def record(turn: Turn, step: Step, plan: Plan) -> None:
    """Remember a fact that counts. The last thing of its turn: closes a chunk, with the member as it is now."""
    member = turn.member
    member.recent += _pack(step)
    member.steps += 1
    if member.steps >= CHUNK:
        _close(turn, step[0], plan)


def _close(turn: Turn, at_ms: int, plan: Plan) -> None:
    member, version = turn.member, plan.at(at_ms)
    days = LATE_DAYS if version is None else version.late_days
    number = member.chunks_made = member.chunks_made + 1
    turn.written["chunk", str(number)] = _pack((_recent(member), member.written))
    member.recent, member.steps, member.written = b"", 0, []
    kept = _kept(member.chunks, at_ms - days * _DAY_MS, number)
    for chunk in member.chunks:
        if chunk not in kept:
            turn.written["state", str(chunk[1])] = None
    member.chunks = [*kept, (at_ms, number, member.turns)]
    turn.written["state", str(number)] = encode(member)


def _kept(chunks: list[Chunk], since_ms: int, number: int) -> list[Chunk]:
    """The chunks whose state stays when chunk `number` is closed: one from before the window, and ever fewer."""
    first = max((i for i, chunk in enumerate(chunks) if chunk[0] < since_ms), default=0)
    return chunks[first : first + 1] + [
        chunk for chunk in chunks[first + 1 :] if number - chunk[1] < GAP * (chunk[1] & -chunk[1])
    ]


def _recent(member: Member) -> msgspec.Raw:
    """The steps since the last chunk as one list: its head of 16 bits, and its members as they are."""
    return msgspec.Raw(b"\xdc" + member.steps.to_bytes(2, "big") + member.recent)


def base_of(member: Member, cut_ms: int) -> int:
    """The newest kept chunk that ends before an instant; 0: begin with nothing."""
    return max((number for at_ms, number, _ in member.chunks if at_ms < cut_ms), default=0)


def chunk_keys(member: Member, base: int) -> list[ColdKey]:
    """The rows that tell what came after a chunk."""
    state: list[ColdKey] = [("state", str(base))] if base else []
    return state + [("chunk", str(number)) for number in range(base + 1, member.chunks_made + 1)]


def since(member: Member, base: int, cold: Cold) -> tuple[list[Step], list[ColdKey]]:
    """The facts that count since a chunk, in on-time order, and the cold rows written since, from `chunk_keys`."""
    steps: list[Step] = []
    written: dict[ColdKey, None] = {}
    for number in range(base + 1, member.chunks_made + 1):
        there, keys = _chunk(cold["chunk", str(number)] or b"")
        steps += there
        written |= dict.fromkeys(keys)
    return steps + _steps(_recent(member)), list(written | dict.fromkeys(member.written))
