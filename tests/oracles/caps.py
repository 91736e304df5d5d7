"""What caps leave of a member's points, counted by a second, simple program from what is left of every purchase.

Rule after rule, all purchases at once: no cells, no changes, no order of arrival. A cap counts each lot in the period
of the lot's own purchase, if that meets its condition; a visit's in its month. Imports nothing of ours, so that a
mistake of the engine cannot be a mistake here too.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

Rule = dict[str, Any]
Points = dict[str, int]
"""Slot -> points."""


def count(rules: list[Rule], purchases: list[dict[str, Any]], zone: str, stores: dict[str, str]) -> Points:
    """Slot -> points, of share, gift, visits and cap. purchases: id, instant (datetime), store, minor (what is left).

    `rules` and `stores` (store -> zone) as the programme file has them; a share gives `points` for each minor unit.
    """
    bought = sorted(purchases, key=lambda one: (one["instant"], one["id"]))
    given: dict[str, Points] = {}
    earned: dict[str, datetime] = {"p:" + one["id"]: one["instant"] for one in bought}
    months: dict[str, tuple[int, int]] = {}
    for index, rule in enumerate(rules):
        mine = given[rule["id"]] = {}
        seen = [one for one in bought if _meets(rule, one)]
        if "share" in rule:
            for one in seen:
                mine["p:" + one["id"]] = rule["share"]["points"] * one["minor"]
        elif "gift" in rule:
            enough = [one for one in seen if one["minor"] >= max(rule["gift"]["from_minor"], 1)]
            for one in enough[: rule["gift"]["times"]]:
                mine["p:" + one["id"]] = rule["gift"]["points"]
        elif "visits" in rule:
            days = sorted({_day(one["instant"], zone) for one in seen if one["minor"]})
            for month in sorted({(day.year, day.month) for day in days}):
                of_month = [day for day in days if (day.year, day.month) == month]
                every = rule["visits"]["every"]
                for number, day in enumerate(of_month[every - 1 :: every], 1):
                    slot = f"v:{month[0]}-{month[1]:02d}:{number}"
                    mine[slot] = rule["visits"]["points"]
                    earned[slot] = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone))
                    months[slot] = month
        else:
            _cut(rule, rules[:index], given, bought, earned, months, zone, stores)
    total: Points = {}
    for points in given.values():
        for slot, amount in points.items():
            total[slot] = total.get(slot, 0) + amount
    return {slot: amount for slot, amount in total.items() if amount}


def givers(rule: Rule, before: list[Rule]) -> set[str]:
    """Of the rules before a cap, those that give points which it counts."""
    named = rule["cap"].get("of")
    found = set()
    for one in before:
        of_month = "visits" in one and (
            rule["cap"]["per"] in ("day", "week") or rule.get("when") not in (None, one.get("when"))
        )
        if "cap" not in one and not of_month and (named is None or one["id"] in named):
            found.add(one["id"])
    return found


def _cut(
    rule: Rule, before: list[Rule], given: Any, bought: Any, earned: Any, months: Any, zone: str, stores: Any
) -> None:
    counted = givers(rule, before)
    names = set(counted)
    months_of_rules = {one["id"] for one in before if "visits" in one}
    beside = set() if counted & months_of_rules else months_of_rules
    for index, one in enumerate(before):
        theirs = givers(one, before[:index]) - beside if "cap" in one else set()
        if theirs and theirs <= counted:
            names.add(one["id"])
    by_slot = {"p:" + one["id"]: one for one in bought}
    room: dict[Any, int] = {}
    slots = {slot for name in names for slot in given[name]}
    for slot in sorted(slots, key=lambda slot: (earned[slot], slot)):
        if not _meets(rule, by_slot[slot]) if slot in by_slot else beside:
            continue
        points = sum(given[name].get(slot, 0) for name in names)
        if slot in by_slot:
            place = _period(rule["cap"]["per"], by_slot[slot], zone, stores)
        else:
            place = {"month": months[slot], "year": months[slot][0], "member": 0}[rule["cap"]["per"]]
        left = room.setdefault(place, rule["cap"]["points"])
        if points > left:
            given[rule["id"]][slot] = left - points
        room[place] = max(left - points, 0)


def _meets(rule: Rule, purchase: dict[str, Any]) -> bool:
    when = rule.get("when")
    return when is None or purchase["store"] in when["stores"]


def _period(per: str, purchase: dict[str, Any], zone: str, stores: dict[str, str]) -> Any:
    day = _day(purchase["instant"], zone)
    return {
        "day": _day(purchase["instant"], stores.get(purchase["store"], zone)),
        "week": day - timedelta(days=day.weekday()),
        "month": (day.year, day.month),
        "year": day.year,
        "member": 0,
    }[per]


def _day(instant: datetime, zone: str) -> date:
    return instant.astimezone(ZoneInfo(zone)).date()
