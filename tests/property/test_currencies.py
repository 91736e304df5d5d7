"""Points of another currency are kept exactly like regular points, whatever happens and however it arrives.

The same random history is told twice, of regular points and of a currency, and compared after every fact; what regular
points must come to, an independent program says (tests/property/test_order.py). Rows go through their bytes each time.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from services.book import history as chunks
from services.book import pages
from services.book.member import Member, decode, encode
from services.book.purses import purse_of
from tests.drivers.facts import MEMBER, World, fact
from tests.drivers.histories import Said, delayed, history, policies

CURRENCY = "promo"
SHARES = 4


@pytest.fixture
def sizes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small chunks and pages, so that every history goes over several of them."""
    monkeypatch.setattr(chunks, "CHUNK", 3)
    monkeypatch.setattr(pages, "HOT_LOTS_MAX", 3)
    monkeypatch.setattr(pages, "PAGE_LOTS", 2)
    monkeypatch.setattr(pages, "NEAR_PAGES", 1)


@pytest.fixture
def tries(soak: int) -> int:
    return 15 * soak


def in_currency(programme: str) -> str:
    """The same rules, all giving promo points."""
    found = programme.replace("{id: base, ", "{id: base, gives: promo, ").replace(
        "{id: tea, ", "{id: tea, gives: promo, "
    )
    return found.replace("tier:", "currencies: {promo: {}}\ntier:", 1)


def tell(world: World, said: Said) -> Any:
    """What it did; None: it had come before."""
    before = len(world.simulation.booked)
    world.simulation.add(fact(**said))
    member = world.member()
    member.check()
    world.simulation.members[MEMBER] = decode(MEMBER, encode(member))
    return world.simulation.booked[-1].results[0] if len(world.simulation.booked) > before else None


def stands(account: Member, lots: Any) -> dict[str, Any]:
    names = ("available", "pending", "debt", "held", "issued", "spent", "expired", "reversed", "written_off")
    return {name: getattr(account, name) for name in names} | {"lots": lots}


@pytest.mark.parametrize("share", range(SHARES))
def test_a_currency_is_kept_like_regular_points(sizes: None, share: int, tries: int) -> None:
    for seed in range(share * 10_000, share * 10_000 + tries):
        regular, other = World(policies(seed)), World(in_currency(policies(seed)))
        accounts = Counter[str]()
        for said in delayed(history(seed, 24, decisions=True), seed):
            points = said["type"].startswith("redemption") or said["type"] == "adjusted"
            one = tell(regular, said)
            two = tell(other, said | {"unit": CURRENCY} if points else said)
            where = f"seed {seed}, after {said['id']} ({said['type']})"
            assert (one and one.outcome) == (two and two.outcome), where
            purse = purse_of(other.member(), CURRENCY)
            wanted = stands(regular.member(), regular.simulation.lots(MEMBER))
            assert stands(purse, other.simulation.lots(MEMBER, CURRENCY)) == wanted, where
            assert (other.member().issued, other.member().debt) == (0, 0), where
            for entry in (entry for posting in (two.elsewhere if two else ()) for entry in posting.entries):
                accounts[entry.debit] -= entry.points
                accounts[entry.credit] += entry.points
            assert accounts["lot"] == purse.live, where
            assert accounts["moved"] == 0, where
