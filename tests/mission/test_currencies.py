"""Several currencies of points side by side (M12): each with its decimals, its end, its spending order, its debt."""

from __future__ import annotations

from typing import Any

import pytest

from services.book.member import decode, encode
from services.programme.compile import compile_programme
from services.programme.written import ProgrammeError
from services.workbench.simulate import report
from tests.drivers.facts import World, fact

HEAD = """programme: p
version: p-1
effective_from: 2025-01-01T00:00:00Z
currency: GBP
zone: Europe/London
currencies:
  promo: {decimals: 1, valid_months: 1}
  miles: {}
"""
RULES = """rules:
  - {id: base, share: {points: 1, per_minor: 100, valid_months: 12}}
  - {id: wine, gives: promo, share: {points: 5, per_minor: 100, only: [wine]}}
  - {id: fuel, gives: miles, when: {channels: [pump]}, share: {points: 1, per_minor: 500}}
"""


def world(story: str, rules: str = RULES) -> World:
    found = World(HEAD + rules)
    found.tell_all(story)
    return found


def purse(of: World, currency: str) -> dict[str, Any]:
    (member,) = report(of.simulation)["members"]
    found: dict[str, Any] = member["currencies"][currency]
    return found


def stands(of: World, currency: str) -> str:
    found = purse(of, currency)
    return " ".join(str(found[name]) for name in ("available", "pending", "held", "debt"))


def test_each_currency_is_earned_and_ends_for_itself() -> None:
    """20.00 with 8.00 of wine on 10 March: 20 points to the end of 10 March 2027, 4.0 promo points to 10 April."""
    bought = world("2026-03-10 buy p1 wine/wine=8.00 tea=12.00")
    assert bought.stands() == "available 20 pending 0 held 0 debt 0"
    (lot,) = purse(bought, "promo")["lots"]
    assert (lot["points"], lot["expires_at"]) == (40, "2026-04-10T23:00:00Z")
    assert "miles" not in report(bought.simulation)["members"][0]["currencies"]
    bought.until("2026-04-10T23:00")
    assert (stands(bought, "promo"), purse(bought, "promo")["totals"]["expired"]) == ("0 0 0 0", 40)
    assert bought.stands() == "available 20 pending 0 held 0 debt 0"


def test_a_redemption_says_of_which_currency_it_is() -> None:
    spent = world("""
        2026-03-10 buy p1 wine/wine=20.00
        2026-03-11 redeem r1 100 unit:promo
        2026-03-12 hold r2 10 until 2026-03-20 unit:promo
    """)
    assert stands(spent, "promo") == "0 0 0 0"
    assert spent.tell("2026-03-11 redeem r3 100 unit:promo").outcome.refusal == "balance_must_cover_the_points"
    assert spent.tell("2026-03-11 redeem r4 1 unit:miles").outcome.refusal == "balance_must_cover_the_points"
    assert spent.tell("2026-03-11 redeem r5 1 unit:gold").outcome.refusal == "currency_must_be_the_programmes"
    assert spent.stands() == "available 20 pending 0 held 0 debt 0"
    spent.tell("2026-03-12 void v1 of r1 30 unit:promo")
    assert stands(spent, "promo") == "30 0 0 0"
    spent.tell("2026-03-13 hold r6 20 until 2026-03-20 unit:promo")
    assert stands(spent, "promo") == "10 0 20 0"
    spent.tell("2026-03-14 capture c1 of r6 15 unit:promo")
    assert stands(spent, "promo") == "15 0 0 0"


def test_a_return_takes_back_of_each_currency_and_a_shortfall_is_owed_in_it() -> None:
    spent = world("""
        2026-03-10 buy p1 wine/wine=20.00
        2026-03-11 redeem r1 80 unit:promo
        2026-03-12 back b1 of p1 wine=10.00
    """)
    assert (spent.stands(), stands(spent, "promo")) == ("available 10 pending 0 held 0 debt 0", "0 0 0 30")
    spent.tell("2026-03-13 buy p2 wine/wine=10.00")
    assert (spent.stands(), stands(spent, "promo")) == ("available 20 pending 0 held 0 debt 0", "20 0 0 0")


def test_a_late_fact_moves_every_currency_to_where_an_on_time_log_leads() -> None:
    late = world("""
        2026-03-10 buy p1 wine/wine=20.00
        2026-05-01 buy p2 tea=1.00
    """)
    assert purse(late, "promo")["totals"]["expired"] == 100
    result = late.tell("2026-03-20 taken r1 60 unit:promo")
    assert (purse(late, "promo")["totals"]["expired"], purse(late, "promo")["totals"]["spent"]) == (40, 60)
    assert [(p.member, [(e.debit, e.credit, e.points) for e in p.entries]) for p in result.elsewhere] == [
        ("ann~promo", [("expired", "spent", 60)])
    ]
    assert result.posting.entries == ()


def test_points_by_hand_may_be_of_a_currency() -> None:
    given = world("2026-03-10 adjust a1 25 until 2026-04-01 unit:promo\n2026-03-11 adjust a2 -5 unit:promo")
    assert (given.stands(), stands(given, "promo")) == ("available 0 pending 0 held 0 debt 0", "20 0 0 0")
    assert given.tell("2026-03-11 adjust a3 5 unit:gold").outcome.refusal == "currency_must_be_the_programmes"


def test_what_is_given_by_hand_in_a_currency_lasts_as_long_as_the_currency_says() -> None:
    """Given on 31 January: 2.5 promo points to the end of 28 February, miles as `adjustment` says, or for ever."""
    story = "2026-01-31 adjust a1 25 unit:promo\n2026-01-31 adjust a2 9 unit:miles\n2026-01-31 adjust a3 7"
    for rule, of_the_rest in (("", None), ("  - {id: hand, adjustment: {valid_months: 6}}\n", "2026-07-31T23:00:00Z")):
        given = world(story, RULES + rule)
        assert [lot["expires_at"] for lot in purse(given, "promo")["lots"]] == ["2026-03-01T00:00:00Z"]
        assert [lot["expires_at"] for lot in purse(given, "miles")["lots"]] == [of_the_rest]
        (mine,) = report(given.simulation)["members"]
        assert [lot["expires_at"] for lot in mine["lots"]] == [of_the_rest]


def test_a_cap_in_a_currency_counts_and_cuts_that_one() -> None:
    rules = RULES + "  - {id: limit, gives: promo, cap: {points: 60, per: day}}\n"
    capped = world("2026-03-10 buy p1 wine/wine=100.00\n2026-03-11 back b1 of p1 wine=95.00", rules)
    assert (capped.stands(), stands(capped, "promo")) == ("available 5 pending 0 held 0 debt 0", "25 0 0 0")
    capped = world("2026-03-10 buy p1 wine/wine=100.00", rules)
    assert (capped.stands(), stands(capped, "promo")) == ("available 100 pending 0 held 0 debt 0", "60 0 0 0")


def test_of_a_person_who_is_forgotten_every_currency_ends() -> None:
    gone = world("2026-03-10 buy p1 wine/wine=20.00\n2026-03-11 redeem r1 30 unit:promo")
    gone.simulation.add(fact(id="e1", type="erased", occurred_at="2026-03-12T12:00:00Z", reason="asked for"))
    gone.member().check()
    assert (gone.stands(), stands(gone, "promo")) == ("available 0 pending 0 held 0 debt 0", "0 0 0 0")
    assert purse(gone, "promo")["totals"]["forfeited"] == 70
    gone.tell("2026-03-11 taken r2 50 unit:promo")
    assert (stands(gone, "promo"), purse(gone, "promo")["totals"]["forfeited"]) == ("0 0 0 0", 20)


def test_the_row_holds_every_currency() -> None:
    member = world("2026-03-10 buy p1 wine/wine=20.00\n2026-03-10 buy p2 9.00 channel:pump").member()
    again = decode(member.id, encode(member))
    assert [(name, one.available) for name, one in sorted(again.purses.items())] == [("miles", 1), ("promo", 100)]


STORY = """
2026-03-01 buy p1 10.00
2026-03-02 buy p2 20.00
2026-03-03 redeem r1 15{unit}
2026-03-04 back b1 of p1 goods=4.00
2026-03-05 hold r2 9 until 2026-03-20{unit}
2026-03-06 void v1 of r1 5{unit}
2026-03-07 taken r3 40{unit}
2026-03-08 buy p3 5.00
2026-03-09 capture c1 of r2 3{unit}
2026-04-03 buy p4 50.00
2026-04-04 back b2 of p2 goods=20.00
2026-04-05 adjust a1 7{unit}
2026-04-06 back b3 goods=3.00
2026-06-01 buy p5 1.00
"""


@pytest.mark.parametrize("turned", range(0, 14, 3))
def test_another_currency_is_kept_exactly_like_regular_points(turned: int) -> None:
    """The same story twice: once in regular points, once in promo points, in five orders of arrival."""
    share = "share: {points: 1, per_minor: 100, valid_months: 1}}\n"
    lines = STORY.strip().splitlines()
    lines = lines[turned:] + lines[:turned]
    regular = world(
        "\n".join(lines).format(unit=""),
        "rules:\n  - {id: hand, adjustment: {valid_months: 1}}\n  - {id: base, " + share,
    )
    other = world("\n".join(lines).format(unit=" unit:promo"), "rules:\n  - {id: base, gives: promo, " + share)
    (mine,) = report(regular.simulation)["members"]
    his = purse(other, "promo")
    kept = [name for name in his if name != "entries"]
    assert {name: mine[name] for name in kept} == {name: his[name] for name in kept}


def test_many_lots_of_a_currency_lie_in_pages_of_their_own() -> None:
    """A year of purchases: 300 lots of each, spent to the last point and beyond."""
    rules = RULES.replace("valid_months: 12", "valid_months: 24").replace("only: [wine]", "valid_months: 24")
    days = [f"2026-{month:02d}-{day:02d}" for month in range(1, 13) for day in range(1, 26)]
    saver = world("\n".join(f"{day} buy p{n} 2.00" for n, day in enumerate(days)), rules)
    assert (saver.stands(), stands(saver, "promo")) == ("available 600 pending 0 held 0 debt 0", "3000 0 0 0")
    saver.tell_all("2027-01-01 back b1 of p7 goods=2.00\n2027-01-02 redeem r1 2980 unit:promo")
    assert (saver.stands(), stands(saver, "promo")) == ("available 598 pending 0 held 0 debt 0", "10 0 0 0")
    saver.tell("2027-01-03 taken r2 598")
    assert (saver.stands(), stands(saver, "promo")) == ("available 0 pending 0 held 0 debt 0", "10 0 0 0")


MIXED = """groups: {g: best}
rules:
  - {id: a, group: g, share: {points: 1, per_minor: 1}}
  - {id: b, group: g, gives: promo, share: {points: 1, per_minor: 1}}
"""


@pytest.mark.parametrize(
    ("rules", "says"),
    [
        ("rules: [{id: a, gives: gold, share: {points: 1, per_minor: 1}}]", "there is no gold under currencies"),
        ("rules: [{id: a, gives: promo, referral: {points: 1}}]", "what goes to another account is regular points"),
        ("rules: [{id: a, gives: promo, share: {points: 1, per_minor: 1, to: charity}}]", "leave gives out"),
        ("rules: [{id: a, gives: promo, adjustment: {}}]", "says its currency itself"),
        (MIXED, "must give the same"),
    ],
)
def test_a_rule_that_cannot_give_a_currency_is_refused(rules: str, says: str) -> None:
    with pytest.raises(ProgrammeError) as refused:
        compile_programme([HEAD + rules + "\n"], ["shop.yaml"])
    assert says in str(refused.value)


@pytest.mark.parametrize(
    ("rule", "story"),
    [
        ("when: {basket: {below_minor: 3000}}", "2026-03-10 buy p1 wine/wine=25.00 tea=10.00"),
        ("unless: {cel: units >= 4}", "2026-03-10 buy p1 2*wine/wine=25.00 2*tea=10.00"),
    ],
)
@pytest.mark.parametrize("policy", ["protected", "strict"])
@pytest.mark.parametrize("late", [False, True])
def test_a_return_may_give_the_first_points_of_a_currency_after_their_end(
    rule: str, story: str, policy: str, late: bool
) -> None:
    """Without the tea the rule counts after all: 12.5 points, which ended with 10 April, a month before the return."""
    share = "share: {points: 5, per_minor: 100}"
    bought = world(story, f"returns: {{policy: {policy}}}\nrules: [{{id: w, gives: promo, {rule}, {share}}}]\n")
    if late:
        bought.tell("2026-05-11 deed d1 review")
    bought.tell(f"2026-05-10 back b1 of p1 {story.rsplit(maxsplit=1)[-1]}")
    assert stands(bought, "promo") == "0 0 0 0"
    totals = purse(bought, "promo")["totals"]
    assert (totals["earned"], totals["expired"], totals["reversed"]) == (125, 125, 0)


def test_the_first_points_by_hand_in_a_currency_may_have_ended_already() -> None:
    given = world("2026-03-10 adjust a1 25 until 2026-03-01 unit:promo")
    assert stands(given, "promo") == "0 0 0 0"
    assert purse(given, "promo")["totals"]["expired"] == 25


def test_a_currency_may_last_for_days_whatever_gives_it() -> None:
    """Given on 10 March, for 14 days: gone on the 25th. A rule that says months itself means them."""
    found = World(
        HEAD.replace("valid_months: 1}", "valid_days: 14}")
        + """rules:
  - {id: a, gives: promo, share: {points: 1, per_minor: 100}}
  - {id: b, gives: promo, bonus: {points: 1}}
  - {id: c, gives: promo, gift: {points: 1}}
  - {id: d, gives: promo, welcome: {points: 1}}
  - {id: e, gives: promo, bundle: {together: [coffee, cake], points: 1}}
  - {id: f, gives: promo, visits: {every: 1, points: 1}}
  - {id: g, gives: promo, reward: {deed: review, points: 1}}
  - {id: own, gives: promo, reward: {deed: visit, points: 1, valid_months: 1}}
"""
    )
    found.tell_all("""
        2026-03-10 enrol n
        2026-03-10 buy p latte/coffee=5.00 tart/cake=5.00
        2026-03-10 deed d1 review
        2026-03-10 deed d2 visit
    """)
    given = {"reason": "r", "actor": "a", "unit": "promo", "occurred_at": "2026-03-10T12:00:00Z"}
    found.simulation.add(fact(type="adjusted", id="hand", member=found.member().id, points=1, **given))
    ends = [(lot["points"], lot["expires_at"]) for lot in purse(found, "promo")["lots"]]
    assert sorted(ends) == [
        (1, "2026-03-25T00:00:00Z"),  # visits
        (1, "2026-03-25T00:00:00Z"),  # welcome
        (1, "2026-03-25T00:00:00Z"),  # review
        (1, "2026-03-25T00:00:00Z"),  # by hand
        (1, "2026-04-10T23:00:00Z"),  # the visit
        (13, "2026-03-25T00:00:00Z"),  # 10 + 1 + 1 + 1 of the purchase
    ]
