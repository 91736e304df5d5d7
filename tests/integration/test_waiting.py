"""`./run waiting` on the real servers: which returns wait, until their receipt is a member's."""

from __future__ import annotations

import asyncio
import json
import sys

from infra.kafka.client import partition_of
from infra.settings import Settings, child_environment, variables
from tests.drivers.intake import REPOSITORY, intake, purchase, returned, shop_of


async def waiting(house: Settings, *arguments: str) -> str:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "services.workbench", "waiting", *arguments),
        env=child_environment() | variables(house) | {"PYTHONPATH": str(REPOSITORY)},
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await process.communicate()
    assert process.returncode == 0
    return out.decode()


async def test_returns_wait_until_their_receipt_is_a_members(house: Settings) -> None:
    async with shop_of(house) as shop:
        assert await waiting(house) == "no return waits for its receipt\n"
        async with intake(house):
            await shop.buy("till-1", purchase("r1"), returned("x1", "r1"), returned("x2", "r1", "card-9"))
            await shop.buy("till-2", returned("y", "r2"))
            await shop.heard()
            assert await waiting(house) == (
                "x1 waits for receipt r1, which is a guest's (purchases.v1/{0}/1)\n"
                "x2 waits for receipt r1, which is a guest's (purchases.v1/{0}/2)\n"
                "y waits for receipt r2, which has not come (purchases.v1/{1}/0)\n"
            ).format(*(partition_of(till, house.partitions) for till in (b"till-1", b"till-2")))
            page = json.loads(await waiting(house, "--limit", "1", "--json"))
            assert [one["return"] for one in page["waiting"]] == ["x1"]
            rest = json.loads(await waiting(house, "--after", page["after"], "--json"))
            assert [(one["return"], one["receipt_is"]) for one in rest["waiting"]] == [
                ("x2", "a guest's"),
                ("y", "awaited"),
            ]
            assert rest["after"] is None
            await shop.buy("till-1", purchase("r1", "card-1"), purchase("r2", "card-2"))
            await shop.heard()
            assert await waiting(house) == "no return waits for its receipt\n"
        members = await shop.members()
        found = {fact["id"]: fact["member"] for fact in await shop.facts() if fact["type"] == "return"}
        assert found == {"x1": members["card-1"], "x2": members["card-1"], "y": members["card-2"]}
