"""What it is worth that a version begins: the cells that its revisions take over, and what counts their points. Pure.

Caps and vouchers are told the difference as they are told what a purchase gives: each lot's where its own purchase
counts. Does not own who is asked, nor when (services/book/forward.py).
"""

from __future__ import annotations

from services.programme.by_lot import Others, tell
from services.programme.mechanic import Change
from services.programme.plan import Plan
from services.programme.rate import Award, Written, all_given, give, moved, store
from services.programme.rule import Cells


def migrated(cells: Cells, plan: Plan, since_ms: int, to_ms: int, others: Others | None = None) -> list[Award]:
    """`migrate` of every version that begins after an instant and by another one."""
    return [
        award
        for index, version in enumerate(plan.versions)
        if version.carried and since_ms < version.starts_ms <= to_ms
        for award in migrate(cells, plan, index, others)
    ]


def migrate(cells: Cells, plan: Plan, index: int, others: Others | None = None) -> list[Award]:
    """What it is worth that `plan.versions[index]` begins: the cells that its revisions take over are moved in `cells`.

    To be posted at the version's own instant in every account, whether or not a fact touches it. Raises Elsewhere.
    others: None: nothing counts points.
    """
    awards: list[Award] = []
    for old in plan.versions[index].carried:
        heir = old.heir
        if heir is None:
            continue
        for key, cell in sorted(cells.get(old.name, {}).items(), key=lambda item: str(item[0])):
            was, now = old.due(key, cell), heir.rule.due(key, cell)
            if heir.top_up and all_given(now) <= all_given(was):
                continue
            store(cells, old.name, key, None)
            store(cells, heir.rule.name, key, cell)
            if was != now:
                give(heir.rule, moved(was, now), awards, [])
    if awards and others is not None:
        written: Written = []
        tell(awards, 0, lambda rule, lot: False, _BEGUN, cells, written, plan.starts_ms[index], others)
        for name, key, cell in written:
            store(cells, name, key, cell)
    return awards


class _Begins:
    """In place of a fact: a version begins."""

    type = "version"


_BEGUN = Change(_Begins(), None, None, [])  # type: ignore[arg-type]
