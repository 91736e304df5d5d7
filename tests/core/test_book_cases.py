"""The book against the worked cases of returns, time and debt. Each test names the case that it reproduces.

The cases are the bookkeeper's own, with their expected points; the default is one point for every whole pound of the
basket, soonest expiry first, exclusive expiry instants, zone Europe/London.
"""

from __future__ import annotations

from hashlib import sha256
from itertools import permutations

import pytest

from events.decode import Unreadable
from events.facts import Fact
from events.refusals import Refusal
from events.values import instant
from services.book.due import due_ms
from services.workbench.simulate import Simulation
from tests.drivers.facts import World, fact, told

PROGRAMME = """
programme: cases
version: cases-1
effective_from: 2020-01-01T00:00:00Z
currency: GBP
zone: Europe/London
rules:
  - id: base
    share: {points: 1, per_minor: 100, %s}
"""
WITHOUT_END = PROGRAMME.replace(", %s", "")

TIERED = """
programme: tiered
version: tiered-1
effective_from: 2020-01-01T00:00:00Z
currency: GBP
zone: Europe/London
partners: [fuel]
tier: {levels: [{name: gold, from_minor: 100000}], window_months: 0}
rules: [{id: base, share: {points: 1, per_minor: 100, tier_percent: [100, 150]}}]
"""


def one_month() -> World:
    return World(PROGRAMME % "valid_months: 1")


def test_case_1_partial_return_of_partly_spent_points() -> None:
    """A = 100 ends before B = 60. Redeem 120: A 0, B 40. Return 50 of A's sale: B 0, debt 10. Earn 25: 15 are left."""
    world = World(PROGRAMME % "valid_months: 12")
    world.tell_all("""
        2026-01-31 buy A 100.00
        2026-03-31 buy B 60.00
        2026-04-01 redeem r1 120
    """)
    assert world.lots() == {"B": 40}
    world.tell("2026-04-02 back b1 of A 50.00")
    assert world.stands() == "available 0 pending 0 held 0 debt 10"
    world.tell("2026-04-03 buy C 25.00")
    assert world.lots() == {"C": 15}
    assert world.stands() == "available 15 pending 0 held 0 debt 0"


def test_case_3_expiry_at_the_boundary_on_the_day_the_clock_changes() -> None:
    """Valid through 25 Oct 2026 in London: gone at 2026-10-26T00:00:00Z; a millisecond before, it can be spent."""
    for when, status in (("2026-10-25T23:59:59.999", "done"), ("2026-10-26T00:00:00", "declined")):
        world = one_month()
        world.tell("2026-09-25 buy A 100.00")
        assert world.tell(f"{when} redeem r1 100").outcome.status == status


@pytest.mark.parametrize(
    ("earned", "months", "ends"),
    [
        ("2027-01-31", 1, "2027-03-01T00:00:00Z"),  # end of 28 Feb
        ("2028-01-31", 1, "2028-03-01T00:00:00Z"),  # end of 29 Feb
        ("2027-02-28", 1, "2027-03-28T23:00:00Z"),  # end of 28 Mar, from the original date; London is on summer time
        ("2028-02-29", 12, "2029-03-01T00:00:00Z"),  # end of 28 Feb 2029
    ],
)
def test_case_4_month_arithmetic(earned: str, months: int, ends: str) -> None:
    world = World(PROGRAMME % f"valid_months: {months}")
    world.tell(f"{earned} buy A 10.00")
    assert instant(world.member().lots[0][0]) == ends


def test_case_7_return_after_the_points_expired() -> None:
    """100 earned, 30 redeemed, 70 expired; a full return claws 30, not 100, and the breakage of 70 is re-labelled."""
    world = one_month()
    world.tell_all("""
        2026-01-10 buy A 100.00
        2026-01-11 redeem r1 30
    """)
    world.until("2026-03-01")
    assert (world.member().expired, world.stands()) == (70, "available 0 pending 0 held 0 debt 0")
    entries = world.tell("2026-03-02 back b1 of A 100.00").posting.entries
    assert [(e.debit, e.credit, e.points) for e in entries] == [("expired", "reversed", 70), ("debt", "reversed", 30)]
    assert (world.member().expired, world.member().debt) == (0, 30)


def test_case_9_rounding_is_on_the_basket() -> None:
    """Lines 1.99, 2.99, 0.99: 5 points. Returning 0.99, 1.99, 2.99 takes 1, 2, 2: points of the remaining basket."""
    world = World(WITHOUT_END)
    world.tell("2026-01-10 buy A a=1.99 b=2.99 c=0.99")
    assert world.member().available == 5
    left = []
    for number, line in enumerate(("c=0.99", "a=1.99", "b=2.99")):
        world.tell(f"2026-01-1{number + 1} back b{number} of A {line}")
        left.append(world.member().available)
    assert left == [4, 2, 0]


def test_case_11_a_redemption_races_expiry_and_another() -> None:
    """100 end at midnight. A holds 80 at 23:59:50 for 5 minutes; B asks 80: declined; 20 expire; A captures later."""
    story = """
        2026-01-10 buy A 100.00
        2026-02-10T23:59:50 hold h1 80 until 2026-02-11T00:04:50
    """
    captured = one_month()
    captured.tell_all(story)
    declined = captured.tell("2026-02-10T23:59:55 redeem r2 80").outcome
    assert (declined.status, declined.refusal) == ("declined", Refusal.BALANCE_MUST_COVER_THE_POINTS.text)
    captured.until("2026-02-11T00:00:00")
    assert (captured.member().expired, captured.member().held) == (20, 80)
    captured.tell("2026-02-11T00:02:10 capture c1 of h1 80")
    assert (captured.member().spent, captured.member().held, captured.member().expired) == (80, 0, 20)

    lapsed = one_month()
    lapsed.tell_all(story)
    lapsed.until("2026-02-11T00:04:49")
    assert lapsed.member().expired == 20
    lapsed.until("2026-02-11T00:04:50")
    assert (lapsed.member().expired, lapsed.member().held, lapsed.member().available) == (100, 0, 0)


def test_a_hold_that_lapses_after_its_lot_adds_to_what_ended_with_it() -> None:
    """20 of 100 end at midnight, the 80 held at the lapse; the goods come back: nothing was used, nothing is owed."""
    world = one_month()
    world.tell_all("""
        2026-01-10 buy A 100.00
        2026-02-10T23:59:50 hold h1 80 until 2026-02-11T00:04:50
        2026-02-12 back b1 of A 100.00
    """)
    assert (world.member().reversed, world.member().expired, world.member().debt) == (100, 0, 0)


def test_case_15_earning_in_debt() -> None:
    """Debt 70, earn 100: 70 repays, a lot of 30 remains. Return that sale: 30 from the lot, debt 70 again."""
    world = World(WITHOUT_END)
    world.tell("2026-01-10 taken t1 70")
    assert world.stands() == "available 0 pending 0 held 0 debt 70"
    world.tell("2026-01-11 buy A 100.00")
    assert (world.lots(), world.member().debt) == ({"A": 30}, 0)
    world.tell("2026-01-12 back b1 of A 100.00")
    assert (world.lots(), world.member().debt) == ({}, 70)


def test_case_19_pending_and_returned_in_part() -> None:
    """Earn 100 on 21 Nov pending to 5 Dec; return 30 on day 5: 70 pending, then 70 active."""
    world = World(PROGRAMME % "pending_days: 14")
    world.tell("2026-11-21 buy A 100.00")
    assert world.stands() == "available 0 pending 100 held 0 debt 0"
    world.tell("2026-11-26 back b1 of A 30.00")
    assert world.stands() == "available 0 pending 70 held 0 debt 0"
    world.until("2026-12-05T00:00:00")
    assert world.stands() == "available 70 pending 0 held 0 debt 0"


def test_a_void_gives_back_to_the_same_lots_and_to_who_repaid_the_debt() -> None:
    world = World(WITHOUT_END)
    world.tell_all("""
        2026-01-10 buy A 40.00
        2026-01-11 taken t1 70
        2026-01-12 buy B 20.00
    """)
    assert (world.lots(), world.member().debt) == ({}, 10)  # t1 took A's 40 and owes 30, of which B repaid 20
    world.tell("2026-01-13 void v1 of t1")
    assert (world.lots(), world.stands()) == ({"A": 40, "B": 20}, "available 60 pending 0 held 0 debt 0")
    again = world.tell("2026-01-14 void v2 of t1").outcome
    assert again.refusal == Refusal.REDEMPTION_MUST_BE_OPEN.text


def test_of_two_voids_that_give_back_more_than_was_taken_the_earlier_counts() -> None:
    """188 taken, 135 and 71 back: whichever is told first, 53 stay spent."""
    early, late = "2026-01-13 void v1 of t1 135", "2026-01-14 void v2 of t1 71"
    for order in ((early, late), (late, early)):
        world = World(WITHOUT_END)
        for line in ("2026-01-10 buy A 200.00", "2026-01-11 taken t1 188", *order):
            world.tell(line)
        assert (world.lots(), world.member().spent) == ({"A": 147}, 53)


def test_a_debt_that_was_repaid_in_full_is_given_back_too() -> None:
    world = World(WITHOUT_END)
    world.tell_all("""
        2026-01-10 taken t1 30
        2026-01-12 buy B 50.00
    """)
    assert (world.lots(), world.member().debts) == ({"B": 20}, {})
    world.tell("2026-01-13 void v1 of t1")
    assert (world.lots(), world.member().spent) == ({"B": 50}, 0)


def test_a_void_in_part_gives_back_first_what_was_taken_last() -> None:
    """Taken 130: 30 of A, 60 of B, 40 owed; C of 25 repays 25 of them. Voided 50: 15 still owed, 25 of C, 10 of B."""
    world = World(PROGRAMME % "valid_months: 12")
    world.tell_all("""
        2026-01-01 buy A 30.00
        2026-01-02 buy B 60.00
        2026-01-03 taken t1 130
        2026-01-04 buy C 25.00
    """)
    assert world.stands() == "available 0 pending 0 held 0 debt 15"
    world.tell("2026-01-05 void v1 of t1 50")
    assert (world.lots(), world.member().debt, world.member().spent) == ({"B": 10, "C": 25}, 0, 80)
    world.tell("2026-01-06 void v2 of t1 80")  # the rest of it
    assert (world.lots(), world.member().spent) == ({"A": 30, "B": 60, "C": 25}, 0)
    assert world.tell("2026-01-07 void v3 of t1 1").outcome.refusal == Refusal.REDEMPTION_MUST_BE_OPEN.text


def test_a_debt_voided_in_part_stays_in_part() -> None:
    """100 taken with nothing there. Voided 30: 70 are owed. A of 50 repays; voided 40: 20 were open, 20 are A's."""
    world = World(PROGRAMME % "valid_months: 12")
    world.tell("2026-01-03 taken t1 100")
    world.tell("2026-01-04 void v1 of t1 30")
    assert world.stands() == "available 0 pending 0 held 0 debt 70"
    world.tell("2026-01-05 buy A 50.00")
    world.tell("2026-01-06 void v2 of t1 40")
    assert (world.lots(), world.member().debt, world.member().spent) == ({"A": 20}, 0, 30)
    world.tell("2026-01-07 void v3 of t1")
    assert (world.lots(), world.member().spent) == ({"A": 50}, 0)


def test_a_hold_voided_in_part_holds_the_rest() -> None:
    world = World(PROGRAMME % "valid_months: 12")
    world.tell_all("""
        2026-01-01 buy A 30.00
        2026-01-02 buy B 60.00
        2026-01-03 hold h1 80 until 2026-02-01
        2026-01-04 void v1 of h1 60
    """)
    assert (world.lots(), world.member().held) == ({"A": 10, "B": 60}, 20)
    world.tell("2026-01-05 capture c1 of h1 20")
    assert (world.lots(), world.member().held, world.member().spent) == ({"A": 10, "B": 60}, 0, 20)


def test_what_no_rule_reads_is_booked_without_effect() -> None:
    world = World(WITHOUT_END)
    world.tell("2026-01-01 buy A 10.00")
    for line in ("2026-01-02 use u1 voucher", "2026-01-04 enrol e1 by bob"):
        result = world.tell(line)
        assert (result.outcome.status, result.posting.entries) == ("done", ())
    assert world.stands() == "available 10 pending 0 held 0 debt 0"


def test_a_capture_in_part_releases_the_rest_to_its_lots() -> None:
    world = World(WITHOUT_END)
    world.tell_all("""
        2026-01-10 buy A 40.00
        2026-01-11 buy B 40.00
        2026-01-12 hold h1 60 until 2026-01-20
        2026-01-13 capture c1 of h1 50
    """)
    assert (world.lots(), world.member().spent, world.member().held) == ({"B": 30}, 50, 0)


def test_a_capture_after_the_lapse_is_booked_in_debt_if_need_be() -> None:
    world = World(WITHOUT_END)
    world.tell_all("""
        2026-01-10 buy A 40.00
        2026-01-12 hold h1 40 until 2026-01-13
        2026-01-14 redeem r1 30
        2026-01-15 capture c1 of h1 40
    """)
    assert (world.member().spent, world.stands()) == (70, "available 0 pending 0 held 0 debt 30")


def test_a_correction_is_the_receipt_as_it_should_have_been() -> None:
    world = World(WITHOUT_END)
    world.tell_all("""
        2026-01-10 buy A a=100.00
        2026-01-11 fix A r1 a=60.00
    """)
    assert world.lots() == {"A": 60}
    assert instant(world.member().lots[0][1]) == "2026-01-11T12:00:00Z"  # it happened when the correction says
    assert (world.member().issued, world.member().reversed) == (60, 0)


def test_a_correction_keeps_what_has_come_back() -> None:
    """Of 100, 40 came back; the receipt should have been 90: 50 are left. Should it have been 30, more came back than
    was bought: the return is set aside, in whatever order they come. At 100 again, it counts again."""
    world = World(WITHOUT_END)
    world.tell_all("""
        2026-01-10 buy A a=100.00
        2026-01-11 back b1 of A a=40.00
        2026-01-12 fix A r1 a=90.00
    """)
    assert world.lots() == {"A": 50}
    world.tell("2026-01-10 fix A r2 a=30.00")
    assert (world.lots(), world.member().aside) == ({"A": 30}, ["b1"])
    world.tell("2026-01-10 fix A r3 a=100.00")
    assert (world.lots(), world.member().aside) == ({"A": 60}, [])
    assert world.tell("2026-01-14 back b2 of A a=60.01").outcome.status == "declined"
    world.tell("2026-01-14 back b3 of A a=60.00")
    assert world.stands() == "available 0 pending 0 held 0 debt 0"


def test_a_return_before_its_purchase_waits_for_it() -> None:
    """The sale's till was offline: goods are back before the sale arrives. Of 100.00, 40.00 came back: 60 points."""
    world = World(WITHOUT_END)
    world.tell("2026-01-01 buy first 1.00")
    assert world.tell("2026-01-12 back b1 of A a=40.00").outcome.status == "waiting"
    assert (world.member().available, list(world.member().waiting)) == (1, ["A"])
    world.tell("2026-01-10 buy A a=100.00")
    assert (world.lots(), world.member().waiting) == ({"first": 1, "A": 60}, {})


def test_a_return_whose_purchase_is_dated_after_it_comes_off_that_purchase() -> None:
    """The sale's clock was a day ahead of the return's."""
    world = World(WITHOUT_END)
    world.tell_all("""
        2026-01-11 back b1 of A a=40.00
        2026-01-12 buy A a=100.00
    """)
    assert (world.lots(), world.member().waiting) == ({"A": 60}, {})


def test_case_5_a_late_offline_sale_changes_the_tier_backwards() -> None:
    """Gold at 1,000 base points in the year, x1.5 from the next purchase. P2 arrives after P3: P3 becomes 300, +100
    posted with P2 as its cause; 1,400 for every order of arrival."""
    tiered = PROGRAMME.replace(
        "{points: 1, per_minor: 100, %s}", "{points: 1, per_minor: 100, tier_percent: [100, 150]}"
    )
    tiered = tiered.replace("rules:", "tier: {levels: [{name: gold, from_minor: 100000}], window_months: 0}\nrules:")
    told_in_order = ["2026-03-10 buy P1 600.00", "2026-03-12 buy P2 500.00", "2026-03-13 buy P3 200.00"]
    for order in permutations(told_in_order):
        world = World(TIERED)
        results = [world.tell(line) for line in order]
        assert world.lots() == {"P1": 600, "P2": 500, "P3": 300}
        assert world.member().available == 1400
        if order == (told_in_order[0], told_in_order[2], told_in_order[1]):
            late = results[-1].posting.entries
            assert [(e.debit, e.credit, e.points, e.lot.split(":")[-1]) for e in late] == [
                ("issued", "lot", 500, "P2"), ("issued", "lot", 100, "P3"),
            ]  # fmt: skip


def test_a_programme_that_is_published_later_rates_what_has_happened_since_it_began() -> None:
    """100.00 on the 10th and 50.00 on the 20th; on the 21st it is said that from the 15th on a pound earns 2 points."""
    world = World(WITHOUT_END)
    world.tell_all("""
        2026-01-10 buy A 100.00
        2026-01-20 buy B 50.00
        2026-01-20 redeem r1 120
    """)
    assert world.lots() == {"B": 30}
    text = (
        WITHOUT_END.replace("cases-1", "cases-2").replace("2020-01-01", "2026-01-15").replace("points: 1", "points: 2")
    )
    world.simulation.add(
        fact(type="programme_published", id="programme:2", occurred_at="2026-01-21T00:00:00Z", text=text,
             sha256=sha256(text.encode()).hexdigest())
    )  # fmt: skip
    assert (world.lots(), world.member().issued, world.member().spent) == ({"B": 80}, 200, 120)


def test_a_return_is_judged_by_the_rules_of_its_purchase() -> None:
    """A pound earns 1 in January and 2 from February on. 100.00 of January come back in February: 100 are taken."""
    february = WITHOUT_END.replace("cases-1", "cases-2").replace("2020-01-01", "2026-02-01")
    world = World(WITHOUT_END)
    world.simulation = Simulation([WITHOUT_END, february.replace("points: 1", "points: 2")], ["1", "2"])
    world.tell_all("""
        2026-01-10 buy A 100.00
        2026-02-10 buy B 100.00
        2026-02-11 back b1 of A 100.00
    """)
    assert world.lots() == {"B": 200}


def test_a_return_takes_back_at_the_level_that_its_purchase_was_rated_in() -> None:
    """1,000.00 bought as standard make gold. 100.00 of them come back: 100 points, not 150."""
    world = World(TIERED)
    world.tell_all("""
        2026-01-10 buy A a=1000.00
        2026-01-11 buy B b=100.00
        2026-01-12 back b1 of A a=100.00
    """)
    assert world.lots() == {"A": 900, "B": 150}


def test_a_partner_is_told_what_a_late_fact_changes() -> None:
    """P3 in the fuel shop earned 200 as standard; P2 arrives and makes it 300: 100 more for P3, and nothing for P2."""
    world = World(TIERED)
    for said in (told("2026-03-10 buy P1 600.00"),
                 fact(type="purchase", id="P3", occurred_at="2026-03-13T12:00:00Z", partner="fuel", store="s7",
                      lines=[{"item": "a", "total_minor": 20000}]),
                 told("2026-03-12 buy P2 500.00")):  # fmt: skip
        world.simulation.add(said)
    told_then = [due[:4] for booked in world.simulation.booked for due in booked.results[0].rewards]
    assert told_then == [("fuel", "earned", 200, "P3"), ("fuel", "earned", 100, "P3")]


def test_an_offline_redemption_of_before_an_expiry_leaves_no_debt() -> None:
    """30 points of April end with 31 May. A redemption of 30 May arrives on 2 June: it spent them, nothing is owed."""
    world = one_month()
    world.tell("2026-04-30 buy A 30.00")
    world.until("2026-06-02")
    assert world.member().expired == 30
    entries = world.tell("2026-05-30 taken t1 30").posting.entries
    assert [(e.debit, e.credit, e.points) for e in entries] == [("expired", "spent", 30)]
    assert (world.member().expired, world.stands()) == (0, "available 0 pending 0 held 0 debt 0")


def test_what_was_granted_stays_granted_when_a_late_return_says_otherwise() -> None:
    """100 granted on the 12th; the goods came back on the 11th, which is said on the 13th: spent all the same, owed."""
    world = World(WITHOUT_END)
    world.tell_all("""
        2026-01-10 buy A 100.00
        2026-01-12 redeem r1 100
        2026-01-13 buy B 1.00
        2026-01-11 back b1 of A 100.00
    """)
    assert (world.member().spent, world.stands()) == (100, "available 0 pending 0 held 0 debt 99")


def test_a_late_request_is_answered_from_what_is_there_now() -> None:
    world = World(WITHOUT_END)
    world.tell_all("""
        2026-01-10 buy A 10.00
        2026-01-12 redeem r1 6
    """)
    refused = world.tell("2026-01-11 redeem r2 5").outcome
    assert refused.refusal == Refusal.BALANCE_MUST_COVER_THE_POINTS.text
    world.tell("2026-01-11 redeem r3 4")
    assert (world.member().spent, world.member().available) == (10, 0)


def test_a_correction_that_is_folded_twice_for_want_of_rows_awaits_its_purchase_once() -> None:
    """The return asks for the breakage of a lot that ended empty, which no row of the chunk names."""
    world = World(PROGRAMME % "valid_months: 3")
    world.tell_all("""
        2026-01-01 buy A a=50.00
        2026-01-05 redeem r1 50
        2026-05-20 back x of A a=10.00
        2026-05-10 fix B r1 a=60.00
    """)
    assert world.member().ahead == ["B"]
    world.tell("2026-05-10 buy B a=100.00")
    assert world.member().ahead == []


def test_a_correction_that_comes_before_its_purchase_is_the_purchase() -> None:
    world = World(WITHOUT_END)
    world.tell_all("""
        2026-01-10 fix A r1 a=60.00
        2026-01-10 buy A a=100.00
    """)
    assert (world.lots(), world.member().ahead) == ({"A": 60}, [])
    world.tell("2026-01-10 fix A r3 a=70.00")
    world.tell("2026-01-10 fix A r2 a=80.00")
    assert world.lots() == {"A": 70}


def test_one_item_in_two_categories_comes_back_from_its_own() -> None:
    """Tea as a drink earns double. 10.00 of each kind: 30. What comes back is taken from its own kind first."""
    world = World(WITHOUT_END + "  - id: drinks\n    share: {points: 1, per_minor: 100, only: [drink]}\n")
    world.tell("2026-01-10 buy A tea/drink=10.00 tea/gift=10.00 cup=5.00")
    left = []
    for number, line in enumerate(("cup=5.00", "tea/gift=4.00", "tea/drink=10.00", "tea=6.00")):
        world.tell(f"2026-01-11 back b{number} of A {line}")
        left.append(world.member().available)
    assert left == [30, 26, 6, 0]


def test_points_that_begin_at_the_instant_at_which_they_end_were_never_there() -> None:
    world = World(PROGRAMME % "valid_months: 0, pending_days: 1")
    world.tell_all("""
        2026-01-10 taken t1 30
        2026-01-10 buy A 100.00
    """)
    assert world.stands() == "available 0 pending 100 held 0 debt 30"
    world.until("2026-01-11T00:00:00")
    assert (world.stands(), world.member().expired) == ("available 0 pending 0 held 0 debt 30", 100)


@pytest.mark.parametrize("said", [{"type": "return", "id": "b", "purchase": "A"}, {"type": "correction", "id": "A"}])
def test_goods_come_back_in_the_currency_they_were_paid_in(said: dict[str, str]) -> None:
    world = World(WITHOUT_END)
    world.tell("2026-01-10 buy A a=10.00")
    revision = {"revision": 1} if said["type"] == "correction" else {}
    row = {"item": "a", "total_minor": 500}
    world.simulation.add(fact(**said, **revision, occurred_at="2026-01-11T12:00:00Z", currency="EUR", lines=[row]))
    outcome = world.simulation.booked[-1].results[0].outcome
    assert outcome.refusal == Refusal.CURRENCY_MUST_BE_THE_PROGRAMMES.text
    assert world.lots() == {"A": 10}


def test_a_return_in_another_currency_does_not_wait_for_its_purchase() -> None:
    world = World(WITHOUT_END)
    row = {"item": "goods", "total_minor": 500}
    world.simulation.add(
        fact(type="return", id="b", purchase="A", occurred_at="2026-01-09T12:00:00Z", currency="EUR", lines=[row])
    )
    outcome = world.simulation.booked[-1].results[0].outcome
    assert (outcome.status, outcome.refusal) == ("declined", Refusal.CURRENCY_MUST_BE_THE_PROGRAMMES.text)
    world.tell("2026-01-10 buy A 10.00")
    assert world.lots() == {"A": 10}


def test_equal_receipts_are_two_sales_and_a_second_delivery_is_none() -> None:
    world = World(WITHOUT_END)
    world.tell_all("""
        2026-01-10 buy A 10.00
        2026-01-10 buy B 10.00
        2026-01-10 buy A 10.00
    """)
    assert (world.member().available, world.simulation.duplicates) == (20, 1)


REFUSALS = {
    Refusal.CURRENCY_MUST_BE_THE_PROGRAMMES: None,
    Refusal.RETURN_MUST_NOT_EXCEED_THE_PURCHASE: "2026-01-20 back b1 of A 10.01",
    Refusal.REDEMPTION_MUST_BE_KNOWN: "2026-01-20 capture c1 of nothing 1",
    Refusal.REDEMPTION_MUST_BE_OPEN: "2026-01-20 void v1 of gone",
    Refusal.VOID_MUST_NOT_EXCEED_THE_REDEMPTION: "2026-01-20 void v1 of held 6",
    Refusal.CAPTURE_MUST_NOT_EXCEED_THE_HOLD: "2026-01-20 capture c1 of held 6",
    Refusal.HOLD_MUST_END_AFTER_IT_BEGINS: "2026-01-20 hold h1 1 until 2026-01-20",
    Refusal.BALANCE_MUST_COVER_THE_POINTS: "2026-01-20 redeem r1 6",
    Refusal.MEMBER_MUST_NOT_BE_ERASED: "2026-01-20 buy B 5.00",
    Refusal.TRANSFER_MUST_GO_TO_ANOTHER: "2026-01-20 transfer t1 5 to ann",
    Refusal.POOL_MUST_NOT_SHARE_ITSELF: "2026-01-20 join j1 ann",
    Refusal.POOL_MUST_BE_SHARED: "2026-01-20 leave l1 bob",
    Refusal.DEBT_MUST_BE_REPAID_FIRST: "2026-01-20 transfer t1 5 to bob",
    Refusal.MERGE_MUST_NOT_GO_ROUND: "2026-01-20 merge m1 into ann",
    Refusal.MEMBER_MUST_NOT_BE_MERGED: "2026-01-20 merge m2 into cat",
    Refusal.MEMBER_MUST_BE_MERGED: "2026-01-20 unmerge u1",
}
BEFORE = {
    Refusal.MEMBER_MUST_NOT_BE_ERASED: "2026-01-19 erase e1",
    Refusal.DEBT_MUST_BE_REPAID_FIRST: "2026-01-19 taken k1 10",
    Refusal.MEMBER_MUST_NOT_BE_MERGED: "2026-01-19 merge m1 into bob",
}


@pytest.mark.parametrize("refusal", Refusal)
def test_every_refusal_is_reached_and_moves_nothing(refusal: Refusal) -> None:
    world = World(WITHOUT_END)
    world.tell_all("""
        2026-01-10 buy A 10.00
        2026-01-11 hold held 5 until 2026-02-11
        2026-01-11 hold gone 1 until 2026-01-12
        2026-01-11 void v0 of gone
    """)
    if refusal in BEFORE:
        world.tell(BEFORE[refusal])
    before = world.stands()
    line = REFUSALS[refusal]
    if line is None:
        world.simulation.add(
            fact(id="p9", type="purchase", occurred_at="2026-01-20T12:00:00Z", currency="EUR",
                 lines=[{"item": "a", "total_minor": 100}])
        )  # fmt: skip
        result = world.simulation.booked[-1].results[0]
    else:
        result = world.tell(line)
    assert (result.outcome.status, result.outcome.refusal) == ("declined", refusal.text)
    assert (world.stands(), result.posting.entries) == (before, ())


@pytest.mark.parametrize("when", ["1970-01-01T00:00:00", "2999-12-31T23:59:59.999"])
def test_the_first_and_the_last_instant_of_the_language_can_be_booked(when: str) -> None:
    world = World((PROGRAMME % "valid_months: 1200, pending_days: 3660").replace("2020", "1970"))
    world.tell(f"{when} buy A 100000000.00")
    assert world.member().pending == 100_000_000


def test_the_largest_receipt_under_the_most_generous_rule_fits_a_row() -> None:
    """10,000 lines of 100 million pounds, 1,000 points a penny: 10^17 points, a hundredth of what bigint holds."""
    world = World(PROGRAMME.replace("points: 1, per_minor: 100, %s", "points: 1000, per_minor: 1"))
    world.tell("2026-01-10 buy A " + "a=100000000.00 " * 10_000)
    assert world.member().available == 10**17


@pytest.mark.parametrize("year", ["1969", "3000", "9999", "0001"])
def test_instants_beyond_the_calendar_are_no_facts(year: str) -> None:
    with pytest.raises(Unreadable):
        World(WITHOUT_END).tell(f"{year}-06-01 buy A 1.00")


RAISED = TIERED.replace("tiered-1", "tiered-2").replace("2020-01-01", "2026-02-01").replace("100000", "200000")


def in_shop(when: str, name: str, kind: str, minor: int, partner: str | None, **more: object) -> Fact:
    """A basket of one line in a partner's shop, or in a shop of none."""
    line = {"item": "a", "total_minor": minor, "quantity": 0 if kind == "return" else 1}
    shop = {"partner": partner, "store": f"{partner}-7"} if partner else {"store": "own-1"}
    return fact(type=kind, id=name, occurred_at=f"{when}T12:00:00Z", lines=[line], **shop, **more)


def told_partners(world: World) -> list[tuple[str, str, int, str, str]]:
    return [
        (due.partner, due.kind, due.points, due.fact, due.store)
        for booked in world.simulation.booked
        for due in booked.results[0].rewards
    ]


def test_a_return_counts_by_the_threshold_in_force_now() -> None:
    """Gold at 1,000.00, from February at 2,000.00. 2,500.00 of January: gold. 400.00 come back in February: 2,100.00
    are left, gold; 200.00 more: 1,900.00, which the old threshold would still call gold."""
    world = World(TIERED)
    world.simulation = Simulation([TIERED, RAISED], ["1", "2"])
    world.tell("2026-01-10 buy A a=2500.00")
    levels = []
    for line in ("2026-02-10 back b1 of A a=400.00", "2026-02-11 back b2 of A a=200.00"):
        world.tell(line)
        levels.append(world.member().tier)
    assert levels == [1, 0]


def test_a_return_counts_as_its_purchase_was_measured() -> None:
    """In January all goods qualify, from February toys do not. 600.00 of toys and 500.00 of books in January: gold.
    100.00 of the toys come back in February: they had counted, so 1,000.00 are left; 1.00 more, and gold is gone."""
    toys = TIERED.replace("tiered-1", "tiered-2").replace("2020-01-01", "2026-02-01")
    toys = toys.replace("window_months: 0", "window_months: 0, exclude: [toy]")
    world = World(TIERED)
    world.simulation = Simulation([TIERED, toys], ["1", "2"])
    world.tell("2026-01-10 buy A robot/toy=600.00 novel=500.00")
    levels = []
    for line in ("2026-02-10 back b1 of A robot/toy=100.00", "2026-02-11 back b2 of A robot/toy=1.00"):
        world.tell(line)
        levels.append(world.member().tier)
    assert (levels, world.member().qualifying_minor) == ([1, 0], 99900)


def test_a_return_counts_nothing_where_its_purchase_counts_nothing_any_more() -> None:
    """Levels are given up in February and begin anew in March. What January's goods take back is not March's."""
    without = TIERED.replace("tiered-1", "tiered-2").replace("2020-01-01", "2026-02-01")
    without = without[: without.index("tier:")] + without[without.index("rules:") :].replace(
        ", tier_percent: [100, 150]", ""
    )
    anew = TIERED.replace("tiered-1", "tiered-3").replace("2020-01-01", "2026-03-01")
    world = World(TIERED)
    world.simulation = Simulation([TIERED, without, anew], ["1", "2", "3"])
    world.tell_all("""
        2026-01-10 buy A a=500.00
        2026-03-10 buy B b=1000.00
        2026-03-11 back b1 of A a=500.00
    """)
    assert (world.member().qualifying_minor, world.member().tier) == (100000, 1)


def test_a_version_that_is_known_ahead_keeps_none_before_it_from_beginning() -> None:
    """Gold at 1,000.00, from February at 2,000.00; a version of 2027 is published already."""
    later = RAISED.replace("tiered-2", "tiered-3").replace("2026-02-01", "2027-01-01")
    world = World(TIERED)
    world.simulation = Simulation([TIERED, RAISED, later], ["1", "2", "3"])
    world.tell("2026-01-10 buy A a=1500.00")
    assert world.member().tier == 1
    world.tell("2026-02-10 buy B b=1.00")
    assert world.member().tier == 0


def test_goods_are_taken_back_from_the_partner_who_sold_them() -> None:
    """Bought at the fuel shop, brought to a shop of no partner, and to one of another: fuel is told, and nobody else;
    not where they were brought."""
    world = World(TIERED.replace("[fuel]", "[fuel, cinema]"))
    for said in (in_shop("2026-01-10", "A", "purchase", 10000, "fuel"),
                 in_shop("2026-01-11", "b1", "return", 3000, None, purchase="A"),
                 in_shop("2026-01-12", "b2", "return", 2000, "cinema", purchase="A"),
                 in_shop("2026-01-13", "b3", "return", 1000, "fuel", purchase="A")):  # fmt: skip
        world.simulation.add(said)
    assert told_partners(world) == [
        ("fuel", "earned", 100, "A", "fuel-7"),
        ("fuel", "reversed", 30, "b1", ""),
        ("fuel", "reversed", 20, "b2", ""),
        ("fuel", "reversed", 10, "b3", "fuel-7"),
    ]


def test_a_correction_of_the_partner_is_told_to_both() -> None:
    """100.00 were said to be fuel's, 20.00 of them came back; it was the cinema: 100 and 20 change sides."""
    world = World(TIERED.replace("[fuel]", "[fuel, cinema]"))
    for said in (in_shop("2026-01-10", "A", "purchase", 10000, "fuel"),
                 in_shop("2026-01-11", "b1", "return", 2000, None, purchase="A"),
                 in_shop("2026-01-10", "A", "correction", 10000, "cinema", revision=1)):  # fmt: skip
        world.simulation.add(said)
    assert sorted(told_partners(world)[2:]) == [
        ("cinema", "earned", 100, "A", "cinema-7"),
        ("cinema", "reversed", 20, "b1", ""),
        ("fuel", "earned", 20, "b1", ""),
        ("fuel", "reversed", 100, "A", ""),
    ]


def test_what_a_return_cannot_take_back_is_written_off_by_name() -> None:
    """100 of A are spent, 60 of B are there; 100.00 of A come back: 60 of B, and 40 that nobody owes."""
    world = World((PROGRAMME % "valid_months: 12").replace("rules:", "returns: {shortfall: write_off}\nrules:"))
    world.tell_all("""
        2026-01-31 buy A 100.00
        2026-03-31 buy B 60.00
        2026-04-01 redeem r1 100
    """)
    entries = world.tell("2026-04-02 back b1 of A 100.00").posting.entries
    assert [(e.debit, e.credit, e.points) for e in entries] == [
        ("lot", "reversed", 60),
        ("written_off", "reversed", 40),
    ]
    assert world.stands() == "available 0 pending 0 held 0 debt 0"


@pytest.mark.parametrize(("shortfall", "left"), [("write_off", 10), ("source_lot", 10), ("debt", 10)])
def test_goods_without_a_receipt_have_no_lot_of_their_own(shortfall: str, left: int) -> None:
    """Whatever the policy, what such goods would earn is taken in spending order; beyond the balance by the policy."""
    world = World(WITHOUT_END.replace("rules:", f"returns: {{shortfall: {shortfall}}}\nrules:"))
    world.tell_all("""
        2026-01-10 buy A 40.00
        2026-01-11 back b1 30.00
    """)
    assert world.member().available == left
    world.tell("2026-01-12 back b2 30.00")
    assert (world.member().debt, world.member().written_off) == ((20, 0) if shortfall == "debt" else (0, 20))


def test_a_cancelled_hold_comes_back_like_a_cancelled_redemption() -> None:
    """A's 100 end with 10 February, while held. Cancelled on the 12th: 5 days of grace. One that only lapses ends."""
    text = (PROGRAMME % "valid_months: 1").replace(
        "rules:", "redemptions: {after_expiry: grace, grace_days: 5}\nrules:"
    )
    for last, stands in (("2026-02-12 void v1 of h1", 100), ("2026-02-20 buy B 0.10", 0)):
        world = World(text)
        world.tell_all("""
            2026-01-10 buy A 100.00
            2026-02-10 hold h1 100 until 2026-02-14
        """)
        world.tell(last)
        assert world.member().available == stands
    assert world.member().expired == 100


def test_a_reissued_lot_without_months_lasts_as_many_days() -> None:
    """20 points given by hand on 1 January end on the 11th at noon: their last day is the 10th later. Spent, ended, and
    cancelled on 1 February: the tenth day after it is the 11th, and they end with it."""
    world = World(WITHOUT_END.replace("rules:", "redemptions: {after_expiry: reissue}\nrules:"))
    world.tell_all("""
        2026-01-01 adjust a1 20 until 2026-01-11
        2026-01-02 redeem r1 20
        2026-02-01 void v1 of r1
    """)
    assert instant(world.member().lots[0][0]) == "2026-02-12T00:00:00Z"


def test_a_capture_that_was_in_time_is_not_refused_for_coming_late() -> None:
    """The hold lapsed on the 13th. c1 happened before, and is told after; c2 happened after."""
    text = WITHOUT_END.replace("rules:", "redemptions: {late_capture: refuse}\nrules:")
    story = """
        2026-01-10 buy A 40.00
        2026-01-12 hold h1 40 until 2026-01-13
        2026-01-15 buy B 1.00
    """
    for when, status in (("2026-01-12T23:00", "done"), ("2026-01-14", "declined")):
        world = World(text)
        world.tell_all(story)
        assert world.tell(f"{when} capture c1 of h1 40").outcome.status == status


def test_a_strict_return_is_told_to_the_partners_of_what_it_moves() -> None:
    """P1 600 and P2 500 made gold; P3 was 200.00 at the cinema, 300 points. P2 of the fuel shop comes back: fuel's 500,
    and 100 of the cinema's."""
    world = World(TIERED.replace("[fuel]", "[fuel, cinema]").replace("tier:", "returns: {policy: strict}\ntier:", 1))
    for said in (in_shop("2026-03-10", "P1", "purchase", 60000, None),
                 in_shop("2026-03-12", "P2", "purchase", 50000, "fuel"),
                 in_shop("2026-03-13", "P3", "purchase", 20000, "cinema"),
                 in_shop("2026-03-20", "b1", "return", 50000, "fuel", purchase="P2")):  # fmt: skip
        world.simulation.add(said)
    assert told_partners(world)[2:] == [
        ("cinema", "reversed", 100, "b1", ""),
        ("fuel", "reversed", 500, "b1", "fuel-7"),
    ]


def test_a_strict_return_knows_what_came_back_of_purchases_before_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """P0 600 and P1 500 make gold for P2 and P3, of 40 each. 200 of P0 come back: 400 and 500 are no gold for P2 or P3;
    then 1.00 of P1: still none, though the state kept before P1 has all of P0."""
    monkeypatch.setattr("services.book.history.CHUNK", 1)
    world = World(TIERED.replace("tier:", "returns: {policy: strict}\ntier:", 1))
    world.tell_all("""
        2026-03-10 buy P0 600.00
        2026-03-11 buy P1 500.00
        2026-03-12 buy P2 40.00
        2026-03-13 buy P3 40.00
        2026-03-14 back b1 of P0 200.00
    """)
    assert world.lots() == {"P0": 400, "P1": 500, "P2": 40, "P3": 40}
    world.tell("2026-03-15 back b2 of P1 1.00")
    assert world.lots() == {"P0": 400, "P1": 499, "P2": 40, "P3": 40}


VOUCHERS = WITHOUT_END + "  - id: gift\n    voucher: {per_points: 100, unit: gift}\n"
CARRIED = VOUCHERS.replace("cases-1", "cases-2").replace("2020-01-01", "2026-06-01").replace(
    "per_points: 100", "per_points: 50"
).replace("id: gift", "id: gift\n    revision: 1\n    carry: migrate")  # fmt: skip


LEVELS = WITHOUT_END.replace("rules:", "tier: {levels: [{name: gold, from_minor: 10000}]}\nrules:")
LOWER = LEVELS.replace("cases-1", "cases-2").replace("2020-01-01", "2026-06-01").replace("10000}", "5000}")


def test_who_has_spent_is_due_when_a_version_counts_levels_otherwise() -> None:
    """60.00 are gold from 1 June on. Who has spent nothing is not concerned."""
    world = World(LEVELS, LOWER)
    world.tell("2026-05-10 buy A 60.00", "ann")
    world.tell("2026-05-10 adjust a1 5", "bob")
    begins = 1_780_272_000_000
    assert [due_ms(world.member(name), world.simulation.plan) for name in ("ann", "bob")] == [begins, None]
    world.until("2026-05-31T23:59:59")
    assert world.member("ann").tier == 0
    world.until("2026-06-01T00:00:00")
    assert world.member("ann").tier == 1
    leaves = instant(due_ms(world.member("ann"), world.simulation.plan) or 0)
    assert leaves == "2027-05-10T23:00:00Z"


def test_a_member_whom_a_version_concerns_is_due_when_it_begins() -> None:
    """Of three members one has a cell that is taken over: a tick of June concerns that one, and no other."""
    world = World(VOUCHERS)
    world.simulation = Simulation([VOUCHERS, CARRIED], ["1", "2"])
    for name, line in (
        ("ann", "2026-05-10 buy A 60.00"),
        ("bob", "2026-05-10 adjust a1 -1"),
        ("cyd", "2026-05-10 redeem r1 1"),
    ):
        world.tell(line, name)
    begins = 1_780_272_000_000
    assert instant(begins) == "2026-06-01T00:00:00Z"
    assert [due_ms(world.member(name), world.simulation.plan) for name in ("ann", "bob", "cyd")] == [begins, None, None]
    world.until("2026-05-31T23:59:59")
    assert world.member("ann").units == {}
    world.until("2026-06-01T00:00:00")
    assert (world.member("ann").units, world.member("ann").available) == ({"gift": 1}, 10)


def test_a_version_that_is_published_later_takes_over_what_nobody_touched() -> None:
    """It is said on the 20th that a voucher is 50 points from 1 June on: the next tick gives A's 60 theirs."""
    world = World(VOUCHERS)
    world.tell("2026-05-10 buy A 60.00")
    world.until("2026-06-20")
    world.simulation.add(
        fact(type="programme_published", id="programme:2", occurred_at="2026-06-20T12:00:00Z", text=CARRIED,
             sha256=sha256(CARRIED.encode()).hexdigest())
    )  # fmt: skip
    world.until("2026-06-21")
    assert (world.member().units, world.member().available) == ({"gift": 1}, 10)


def test_a_voucher_draws_from_lots_that_are_out_of_the_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """30 purchases of 9.00 in pages of two lots: 270 points are two vouchers and 70 points; the last 27 come back: none
    of it is left out, 27 points and no voucher."""
    monkeypatch.setattr("services.book.pages.HOT_LOTS_MAX", 3)
    monkeypatch.setattr("services.book.pages.PAGE_LOTS", 2)
    monkeypatch.setattr("services.book.pages.NEAR_PAGES", 1)
    world = World(VOUCHERS)
    for n in range(30):
        world.tell(f"2026-01-{n + 1:02d} buy p{n:02d} 9.00")
    assert (world.member().available, world.member().units) == (70, {"gift": 2})
    for n in range(3, 30):
        world.tell(f"2026-02-{n - 2:02d} back b{n:02d} of p{n:02d} 9.00")
    assert (world.member().available, world.member().units, world.member().spent) == (27, {}, 0)


def test_a_voucher_of_points_that_are_spent_is_owed_and_forgiven_when_it_is_taken_back() -> None:
    """70 earned and spent; 40 more make the voucher, 60 of which nothing covers. The 40 come back: nothing is owed."""
    world = World(VOUCHERS)
    world.tell_all("""
        2026-01-10 buy A 70.00
        2026-01-11 redeem r1 70
        2026-01-12 buy B 40.00
    """)
    assert (world.stands(), world.member().units) == ("available 0 pending 0 held 0 debt 60", {"gift": 1})
    world.tell("2026-01-13 back b1 of B 40.00")
    assert (world.stands(), world.member().units) == ("available 0 pending 0 held 0 debt 0", {})
    assert (world.member().spent, world.member().reversed) == (70, 40)


@pytest.mark.parametrize(("days", "kept"), [(2, 4), (9, 8)])
def test_states_are_kept_for_as_long_as_the_programme_lets_facts_be_late(
    days: int, kept: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A purchase a day, and a state after each. With 2 days to be late, there are the states of the last two days, the
    day's own, and one from before them; with 9 they thin out with their age. What comes later still is folded from the
    first fact on."""
    monkeypatch.setattr("services.book.history.CHUNK", 1)
    world = World(WITHOUT_END.replace("rules:", f"late_days: {days}\nrules:"))
    for day in range(1, 29):
        world.tell(f"2026-01-{day:02d} buy p{day:02d} 10.00")
    chunks = world.member().chunks
    assert len(chunks) == kept
    world.tell("2026-01-03 buy late 10.00")
    assert world.member().available == 290
