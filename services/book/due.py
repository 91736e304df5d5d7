"""When a tick concerns a member: what time alone does, and versions that take over what the member has. Pure."""

from __future__ import annotations

from services.book.member import Member
from services.programme.calendar import NEVER
from services.programme.plan import Plan
from services.programme.timeline import Timeline


def due_ms(member: Member, plan: Plan) -> int | None:
    """When a tick concerns a member next. None: never."""
    due, begins = member.next_due_ms, begins_ms(member, plan)
    return due if begins == NEVER or (due is not None and due <= begins) else begins


def begins_ms(member: Member, plan: Plan) -> int:
    """When the next version begins that takes over cells of a member's or counts the levels anew. NEVER: none is
    known."""
    carried = carried_ms(member, plan)
    return min(carried, _levels_ms(member, plan)) if plan.levels_ms else carried


def carried_ms(member: Member, plan: Plan) -> int:
    """When the next version begins that takes cells of a member's over. NEVER: none is known."""
    for starts_ms, rules in plan.carries:
        if member.version_ms < starts_ms and any(rule in member.cells or rule in member.away for rule in rules):
            return starts_ms
    return NEVER


def _levels_ms(member: Member, plan: Plan) -> int:
    """The same of levels, of a member who has spent anything that counts for them."""
    for starts_ms in plan.levels_ms:
        if member.version_ms < starts_ms and member.timeline != _NOTHING:
            return starts_ms
    return NEVER


_NOTHING = Timeline()
