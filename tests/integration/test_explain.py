"""`./run explain` on the real servers: a member's book told from the ledger's tables, by id and by card."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

from infra.postgres.migrate import migrate
from infra.settings import Settings, child_environment, variables
from services.intake.directory import SQL
from tests.drivers.intake import REPOSITORY
from tests.drivers.ledger import ledger_of, process_of, until
from tests.integration.test_ledger import member, story
from tests.integration.test_messages import at_rest


async def explained(house: Settings, *arguments: str) -> tuple[int, str, str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "services.workbench", "explain", *arguments),
        env=child_environment() | variables(house) | {"PYTHONPATH": str(REPOSITORY)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


async def test_a_member_of_the_running_house(house: Settings) -> None:
    who = member(0)
    async with ledger_of(house) as ledger:
        await ledger.publish_programme("plain")
        told = story(0, 3000)
        await ledger.say(told)
        async with process_of(house, clock="facts"):
            await ledger.all_booked()
        await migrate(ledger.pool, SQL, "intake")
        await ledger.pool.execute("insert into identity values ('card', '2012345', $1)", who)

        mine = [fact for fact in told if fact["member"] == who and fact["type"] == "purchase"]
        ((available,),) = await ledger.rows("select available from member where member = $1", who)
        for name in (who, "card:2012345"):
            code, out, err = await explained(house, name, "--json")
            assert (code, err) == (0, "")
            whole: dict[str, Any] = json.loads(out)
            assert whole["available"] == available
            given = [row["fact"] for lot in whole["lots"] for row in lot["given"] if row["from"] == "issued"]
            assert set(given) == {fact["id"] for fact in mine}, "every receipt gave points, more than a chunk of them"
        assert len(mine) > 32, "several chunks"

        first = mine[0]["occurred_at"]
        code, out, _ = await explained(house, who, "--at", first)
        assert (code, "What happened" in out, f"bought with receipt {mine[0]['id']}" in out) == (0, True, True)
        assert mine[-1]["id"] not in out

        for name, said in (("nobody", "the ledger has no fact about nobody"), ("card:1", "no member has this card")):
            assert await explained(house, name) == (2, "", f"error: {said}\n")


async def test_two_cards_of_one_person(house: Settings) -> None:
    """Both pages name the merge, from the tables."""
    gone, stays = member(0), member(1)
    merged = {"type": "merged", "id": "x1", "member": gone, "into": stays, "occurred_at": "2011-03-01T00:00:00Z"}
    async with ledger_of(house) as ledger:
        await ledger.publish_programme("plain")
        told = story(0, 60)
        await ledger.say([*told, merged])
        async with process_of(house, clock="facts"):
            await ledger.all_booked()
            await until(lambda: at_rest(ledger), "everything is booked, and nothing is on its way")
        pages = {}
        for name in (gone, stays):
            code, out, err = await explained(house, name, "--json")
            assert (code, err) == (0, "")
            pages[name] = json.loads(out)
    assert pages[gone]["merged_into"] == {"member": stays, "fact": "x1"}
    assert pages[stays]["merged_from"] == [{"member": gone, "fact": "x1"}]
    for page in pages.values():
        assert [row["type"] for row in page["history"] if row.get("fact") == "x1"] == ["merged"]
        assert all(row["posted"] for row in page["history"] if row.get("fact") == "x1"), "as the tables have it"
    theirs = {row["fact"] for row in pages[stays]["history"] if row.get("member") == gone}
    assert theirs == {fact["id"] for fact in told if fact["member"] == gone}
