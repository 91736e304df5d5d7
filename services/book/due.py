"""When a tick concerns a member: what time alone does, and versions that take cells over. Pure."""

from __future__ import annotations

from services.book.member import Member
from services.programme.calendar import NEVER
from services.programme.plan import Plan


def due_ms(member: Member, plan: Plan) -> int | None:
    """When a tick concerns a member next. None: never."""
    due, carried = member.next_due_ms, carried_ms(member, plan)
    return due if carried == NEVER or (due is not None and due <= carried) else carried


def carried_ms(member: Member, plan: Plan) -> int:
    """When the next version begins that takes cells of a member's over. NEVER: none is known."""
    for starts_ms, rules in plan.carries:
        if member.version_ms < starts_ms and any(rule in member.cells or rule in member.away for rule in rules):
            return starts_ms
    return NEVER
