"""What others may ask of read model `balance`. Answers are as old as the model is behind; decisions ask the ledger."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from infra.postgres.pool import Pool
from infra.runner.live import inside
from projections.balance import model
from projections.balance.fold import Balance


class Totals(NamedTuple):
    """Sums over all members, in points."""

    members: int
    available: int
    pending: int
    held: int
    debt: int
    balance: int
    earned: int
    redeemed: int
    expired: int
    reversed: int


async def balances(pool: Pool, members: Collection[str]) -> dict[str, Balance]:
    """The rows of these members; one whom the book never posted to is missing."""
    async with inside(pool, model.MODEL.name) as connection:
        rows = await connection.fetch(model.MODEL.queries.of, list(members))
    return {row["member"]: Balance(*row) for row in rows}


async def totals(pool: Pool) -> Totals:
    """Sums over all members."""
    async with inside(pool, model.MODEL.name) as connection:
        row = await connection.fetchrow(model.MODEL.queries.totals)
    assert row is not None
    return Totals(*row)
