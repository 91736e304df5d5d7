"""What holds of a member by itself: statuses, each with its spans of time, folded from dated facts in their order.

A span that has ended stays, since a return asks what held when its purchase was made. Does not own what a status means
(services/programme/predicates.py).
"""

from __future__ import annotations

from typing import Any

from services.book.member import Member
from services.programme.calendar import NEVER, instant_ms
from services.programme.conditions import ENROLLED


def note(member: Member, fact: Any, at_ms: int) -> None:
    """Let a fact change what holds from its instant on. Facts that say nothing of it change nothing."""
    if fact.type == "status_set":
        until_ms = NEVER if fact.until is None else instant_ms(fact.until)
        _change(member, fact.status, at_ms, (at_ms, until_ms, fact.value or ""))
    elif fact.type == "status_ended":
        _change(member, fact.status, at_ms, None)
    elif fact.type == "enrolled" and ENROLLED not in member.statuses:
        member.statuses[ENROLLED] = ((at_ms, NEVER, ""),)


def _change(member: Member, status: str, at_ms: int, begins: tuple[int, int, str] | None) -> None:
    """End what holds at an instant; a span that would be empty, or that another one goes on from, is not kept."""
    spans = list(member.statuses.get(status, ()))
    if spans and spans[-1][1] > at_ms:
        from_ms, until_ms, value = spans.pop()
        if begins is not None and (value, until_ms) == (begins[2], begins[1]):
            begins = (from_ms, until_ms, value)
        elif from_ms < at_ms:
            spans.append((from_ms, at_ms, value))
    if begins is not None and begins[1] > begins[0]:
        spans.append(begins)
    if spans:
        member.statuses[status] = tuple(spans)
    else:
        member.statuses.pop(status, None)
