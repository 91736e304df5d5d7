"""What others may ask of read model `tier`. Answers are as old as the model is behind: decisions ask the ledger."""

from __future__ import annotations

from collections.abc import Collection

from infra.postgres.pool import Pool
from infra.runner.live import inside
from projections.tier import model
from projections.tier.fold import Tier


async def tiers(pool: Pool, members: Collection[str]) -> dict[str, Tier]:
    """The rows of these members; one whom the book never posted to is missing."""
    async with inside(pool, model.MODEL.name) as connection:
        rows = await connection.fetch(model.MODEL.queries.of, list(members))
    return {row["member"]: Tier(*row) for row in rows}


async def members_by_level(pool: Pool) -> dict[int, int]:
    """How many members are in each level; a level with none is missing."""
    async with inside(pool, model.MODEL.name) as connection:
        rows = await connection.fetch(model.MODEL.queries.by_level)
    return {row["level"]: row["members"] for row in rows}
