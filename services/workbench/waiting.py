"""`tallystick waiting`: the returns that wait for their receipt.

Owns the words on the screen. Does not own why they wait (services/intake/core/batch.py).
"""

from __future__ import annotations

import json

from events.printable import printable
from infra.postgres.migrate import migrate
from infra.postgres.pool import Pool
from infra.settings import Settings
from services.intake.directory import SQL, Directory, Waiting
from services.workbench.inside import in_house


def run_waiting(after: str | None, limit: int, *, as_json: bool) -> int:
    """Print a page of them. 0, or 2 where the house does not answer."""
    receipt, _, name = (after or "").partition(" ")

    async def work(_: Settings, pool: Pool) -> int:
        await migrate(pool, SQL, "intake")
        found = await Directory(pool).returns_that_wait((receipt, name), limit + 1)
        page, more = found[:limit], len(found) > limit
        if as_json:
            last = f"{page[-1].receipt} {page[-1].id}" if more else None
            print(json.dumps({"waiting": [_facts(one) for one in page], "after": last}))
            return 0
        for one in page:
            why = "has not come" if one.has_not_come else "is a guest's"
            print(f"{printable(one.id)} waits for receipt {printable(one.receipt)}, which {why} ({_coordinates(one)})")
        if not page:
            print("no return waits for its receipt")
        if more:
            print(f"there are more: add --after '{printable(page[-1].receipt)} {printable(page[-1].id)}'")
        return 0

    return in_house(work)


def _facts(one: Waiting) -> dict[str, object]:
    receipt = {"receipt": one.receipt, "receipt_is": "awaited" if one.has_not_come else "a guest's"}
    return {"return": one.id, **receipt, "coordinates": _coordinates(one)}


def _coordinates(one: Waiting) -> str:
    return "/".join(map(str, one.place))
