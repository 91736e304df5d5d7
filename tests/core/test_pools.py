"""A household or a firm that shares points: worked case 16, and what becomes of who leaves. Counted by hand."""

from __future__ import annotations

from itertools import permutations
from unittest.mock import patch

from services.book import pages
from tests.core.test_transfers import reconciled
from tests.drivers.facts import World

PROGRAMME = """
programme: household
version: household-1
effective_from: 2026-01-01T00:00:00Z
currency: GBP
transfers: {fee_percent: 10}
redemptions: %s
rules: [{id: base, share: {points: 1, per_minor: 100, valid_months: 12}}]
"""
POOL = "home"
CIRCLE = [
    ("2026-01-01 join j1 ann", POOL),
    ("2026-01-01 join j2 bob", POOL),
    ("2026-01-05 buy A 500.00", "ann"),  # to the end of 5 January 2027
    ("2026-01-02 adjust a1 300 until 2026-12-31", "bob"),
    ("2026-02-01 contribute c1 500 to home", "ann"),
    ("2026-02-01 contribute c2 300 to home", "bob"),
]


def world(*more: tuple[str, str], redemptions: str = "{}") -> World:
    made = World(PROGRAMME % redemptions)
    for line, member in (*CIRCLE, *more):
        assert made.refusal(line, member) == "", line
    return made


def test_case_16_the_pool_burns_what_ends_soonest_and_a_cancellation_gives_each_its_own() -> None:
    """Ann 500 to January, Bob 300 to December: 400 are Bob's 300 and 100 of Ann's."""
    made = world()
    assert made.lots(POOL) == {"@bob@a:a1": 300, "@ann@p:A": 500}
    made.tell("2026-03-01 redeem r1 400", POOL)
    assert made.lots(POOL) == {"@ann@p:A": 400}
    made.tell("2026-03-02 void v1 of r1", POOL)
    assert made.lots(POOL) == {"@bob@a:a1": 300, "@ann@p:A": 500}
    assert reconciled(made) == {"issued": -800, "lot": 800}


def test_case_16_even_if_bob_has_left() -> None:
    made = world()
    made.tell("2026-03-01 redeem r1 400", POOL)
    made.tell("2026-03-02 leave l1 bob", POOL)
    assert made.stands("bob") == "available 0 pending 0 held 0 debt 0"
    made.tell("2026-03-03 void v1 of r1", POOL)
    assert made.lots(POOL) == {"@ann@p:A": 500}
    assert made.lots("bob") == {"a:a1": 300}
    assert made.member("bob").lots[0][0] == 1798718400000  # 31 December 2026, 12:00, as they were given
    assert made.stands("ann") == "available 0 pending 0 held 0 debt 0"
    assert reconciled(made) == {"issued": -800, "lot": 800}


def test_cancelled_in_part_what_was_taken_last_returns_first() -> None:
    """150 of 400 back: Ann's 100, and 50 of Bob's, who has left."""
    made = world(("2026-03-01 redeem r1 400", POOL), ("2026-03-02 leave l1 bob", POOL))
    made.tell("2026-03-03 void v1 of r1 150", POOL)
    assert (made.lots(POOL), made.lots("bob")) == ({"@ann@p:A": 500}, {"a:a1": 50})


def test_who_leaves_has_back_what_is_left_of_her_own() -> None:
    made = world(("2026-03-01 redeem r1 400", POOL), ("2026-03-02 leave l1 ann", POOL))
    assert (made.lots(POOL), made.lots("ann")) == ({}, {"A": 400})
    assert reconciled(made) == {"issued": -800, "lot": 400, "spent": 400}


def test_only_who_shares_it_can_leave_and_contribute() -> None:
    """Cat's points come back to her at once, with their expiry and without a fee; so do Ann's, once she has left."""
    made = world(("2026-02-03 adjust a2 50", "cat"), ("2026-02-04 contribute c3 50 to home", "cat"))
    assert (made.lots("cat"), made.lots(POOL).get("@cat@a:a2")) == ({"a:a2": 50}, None)
    assert made.refusal("2026-02-05 leave l1 cat", POOL) == "pool_must_be_shared"
    assert made.refusal("2026-02-05 join j9 home", POOL) == "pool_must_not_share_itself"
    made.tell("2026-03-01 leave l2 ann", POOL)
    made.tell("2026-03-02 contribute c4 500 to home", "ann")
    assert made.lots("ann") == {"A": 500}
    made.tell("2026-03-03 join j3 ann", POOL)
    made.tell("2026-03-04 contribute c5 200 to home", "ann")
    assert (made.lots("ann"), made.lots(POOL)) == ({"A": 300}, {"@bob@a:a1": 300, "@ann@p:A": 200})
    assert reconciled(made) == {"issued": -850, "lot": 850}


def test_a_contribution_that_comes_before_the_joining_is_kept_in_the_end() -> None:
    """Sent back at first, and then not after all: the message that gave it back says nothing any more."""
    made = World(PROGRAMME % "{}")
    for line, member in [*CIRCLE[2:], *CIRCLE[:2]]:
        made.tell(line, member)
    assert made.lots(POOL) == {"@bob@a:a1": 300, "@ann@p:A": 500}
    assert made.stands("ann") == made.stands("bob") == "available 0 pending 0 held 0 debt 0"
    assert reconciled(made) == {"issued": -800, "lot": 800}


def test_points_of_the_pools_own_are_nobodys() -> None:
    """A firm's own purchases, and a gift of somebody outside (less the fee), stay when members leave."""
    made = world(("2026-02-02 buy F 70.00", POOL), ("2026-02-03 adjust a2 50", "cat"),
                 ("2026-02-04 transfer t1 50 to home", "cat"))  # fmt: skip
    for name in ("ann", "bob"):
        made.tell(f"2026-03-01 leave l-{name} {name}", POOL)
    assert made.lots(POOL) == {"F": 70, "a:a2": 45}
    made.tell("2026-03-02 transfer t2 70 to cat", POOL)
    assert made.lots("cat") == {"F": 63}
    assert reconciled(made) == {"fee": 12, "issued": -920, "lot": 908}


def test_a_reissued_lot_is_still_its_owners() -> None:
    made = world(("2026-12-01 redeem r1 400", POOL), ("2026-12-02 leave l1 bob", POOL),
                 redemptions="{after_expiry: grace, grace_days: 10}")  # fmt: skip
    made.tell("2027-01-03 void v1 of r1", POOL)
    assert made.lots("bob") == {"v:v1": 300}
    assert made.lots(POOL) == {"@ann@p:A": 500}


def test_who_leaves_a_pool_of_many_lots_has_all_of_them() -> None:
    with patch.multiple(pages, HOT_LOTS_MAX=3, PAGE_LOTS=2, NEAR_PAGES=1, LEVEL_PAGES_MAX=2, PAGE_PAGES=2):
        made = world()
        for n in range(20):
            name = ("ann", "bob")[n % 2]
            made.tell(f"2026-02-{n + 2:02d} buy P{n} {n + 1}.00", name)
            made.tell(f"2026-02-{n + 2:02d}T13:00 contribute d{n} {n + 1} to home", name)
        made.tell("2026-03-01 leave l1 bob", POOL)
        assert sum(lot[4] for lot in made.simulation.lots("bob")) == 300 + sum(range(2, 21, 2))
        assert sum(lot[4] for lot in made.simulation.lots(POOL)) == 500 + sum(range(1, 20, 2))
        reconciled(made)


def test_what_comes_late_to_the_pool_changes_what_went_back() -> None:
    """Bob left on 1 March with 300, Ann stays with 500. 400 are spent on 20 February, late: Bob has nothing."""
    made = world(("2026-03-01 leave l1 bob", POOL))
    assert made.lots("bob") == {"a:a1": 300}
    made.tell("2026-02-20 taken k1 400", POOL)
    assert (made.lots("bob"), made.lots(POOL)) == ({}, {"@ann@p:A": 400})
    assert reconciled(made) == {"issued": -800, "lot": 400, "spent": 400}


def test_what_is_asked_of_nobody_comes_to_the_same_in_any_order() -> None:
    lines = [CIRCLE[0], CIRCLE[1], ("2026-02-20 taken k1 400", POOL), ("2026-03-01 leave l1 bob", POOL),
             ("2026-03-02 void v1 of k1 350", POOL)]  # fmt: skip
    found = set()
    for order in permutations(lines):
        made = World(PROGRAMME % "{}")
        for line in CIRCLE[2:]:
            made.tell(*line)
        declined = [line for line in order if made.refusal(*line)]
        if declined:  # leaving before joining, cancelling what is not known: decided when it was asked
            continue
        reconciled(made)
        assert all(made.counts_again(name) for name in made.simulation.members)
        found.add(tuple(tuple(made.simulation.lots(name)) for name in ("ann", "bob", POOL)))
    assert len(found) == 1
    lots = dict(zip(("ann", "bob", POOL), found.pop(), strict=True))
    assert [[lot[4] for lot in lots[name]] for name in ("ann", "bob", POOL)] == [[], [250], [500]]
