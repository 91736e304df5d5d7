"""`./run programme publish` on the real servers: a version is put in force once; one that breaks a promise is not."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

from infra.settings import Settings, child_environment, variables
from tests.drivers.intake import REPOSITORY
from tests.drivers.ledger import ledger_of, process_of
from tests.integration.test_ledger import story

OLD = """programme: shop
version: shop-1
effective_from: 2010-01-01T00:00:00Z
currency: GBP
rules:
  - {id: base, share: {points: 1, per_minor: 100}}
  - {id: cups, stamps: {every: 9, unit: free-coffee}}
"""
NEW = OLD.replace("shop-1", "shop-2").replace("2010-", "2090-").replace("id: cups,", "id: cups, revision: 1,")
NEW = NEW.replace("every: 9", "every: 5")


async def published(house: Settings, file: Path, text: str, *arguments: str) -> tuple[int, str, str]:
    file.write_text(text)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "services.workbench", "programme", "publish", str(file), *arguments),
        env=child_environment() | variables(house) | {"PYTHONPATH": str(REPOSITORY)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


async def test_a_version_is_put_in_force(house: Settings, tmp_path: Path) -> None:
    file = tmp_path / "shop.yaml"
    async with ledger_of(house) as ledger:
        first = await published(house, file, OLD)
        assert first == (0, "shop-1 is published, in force from 2010-01-01T00:00:00Z\n", "")
        await ledger.say(story(0, 200))
        async with process_of(house, clock="facts"):
            await ledger.all_booked()
        ((earned,),) = await ledger.rows("select sum(available) from member")
        assert earned > 0

        again = await published(house, file, OLD, "--json")
        assert again[0] == 0
        assert json.loads(again[1]) == {"version": "shop-1", "effective_from": "2010-01-01T00:00:00Z", "new": False}
        code, out, err = await published(house, file, NEW)
        assert (code, out) == (2, "")
        assert "shop.yaml:7: rules.1: cups is changed, and members have begun on it; write carry" in err
        code, out, err = await published(house, file, NEW.replace("revision: 1", "revision: 1, carry: freeze"))
        assert (code, err) == (0, "")
        code, _, err = await published(house, file, OLD.replace("points: 1", "points: 2"))
        assert code == 2
        assert "version: shop-1 is published twice" in err
