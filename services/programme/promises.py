"""What a new version takes back of what the one before it promised. Pure.

A purchase is rated for ever by the version it was bought under, so what was earned stays. What a later version can take
is what members have begun (stamps on a card, a month's spend, a friend who has not bought yet), what they have reached
or paid for (a level, a right, a price for holders of a card), if it says how: a changed rule says what becomes of its
cells (`carry`), and whatever ends or is harder to have stands under `retired`. Does not own what no version may change
(services/programme/kept.py), what carrying does (services/programme/rate.py), nor how levels are counted anew
(services/programme/timeline.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from services.programme.claims import Claim
from services.programme.conditions import Condition, meaning
from services.programme.levels import Tier
from services.programme.mechanics import MECHANICS
from services.programme.model import ProgrammeText, RuleText
from services.programme.pricing.discounts import BySpend, Discount
from services.programme.pricing.price import PriceText
from services.programme.words import money
from services.programme.written import Path, meant


def broken(before: ProgrammeText, after: ProgrammeText) -> Iterator[tuple[Path, str]]:
    """What `after` takes back without saying how: the path in its file, and what to write."""
    yield from _amounts(before, after)
    yield from _begun(before, after)
    for path, name, why in (*_levels(before, after), *_rights(before, after), *_prices(before, after)):
        if name not in after.retired:
            yield path, f"{why}; keep it, or write retired: [{name}]"


def never_promised(earlier: Sequence[ProgrammeText], after: ProgrammeText) -> Iterator[tuple[Path, str]]:
    """Names under `retired` that no earlier version has: the path, and what to write."""
    names = {name for one in earlier for name in (*_promised(one), *one.retired)}
    for index, name in enumerate(after.retired):
        if name not in names:
            near = meant(name, sorted(names))
            instead = f"did you mean {near}?" if near else "take it out"
            yield ("retired", index), f"no version before has a rule, level, entitlement or price {name}; {instead}"


def _promised(programme: ProgrammeText) -> list[str]:
    levels = programme.tier.levels if programme.tier is not None else ()
    rules, rights, prices = programme.rules, programme.entitlements, programme.price
    ids = [*(rule.id for rule in rules), *(right.id for right in rights), *(price.id for price in prices)]
    return [*ids, *(level.name for level in levels)]


def keeps(rule: RuleText) -> bool:
    """Whether members have begun on it: it keeps cells."""
    mechanic = MECHANICS[rule.mechanic]
    return not (mechanic.per_purchase or mechanic.per_fact)


def _amounts(before: ProgrammeText, after: ProgrammeText) -> Iterator[tuple[Path, str]]:
    """What members have spent would be read as another amount, and points of theirs not at all."""
    if before.currency != after.currency:
        yield ("currency",), f"what members have spent is in {before.currency}, and counts for levels; keep it"
    for name in before.currencies.keys() - after.currencies.keys():
        yield ("currencies",), f"{name} is no longer there, and members have some of it; keep it"


def _begun(before: ProgrammeText, after: ProgrammeText) -> Iterator[tuple[Path, str]]:
    """Rules that keep cells."""
    old = {rule.id: rule for rule in before.rules if keeps(rule)}
    for index, rule in enumerate(after.rules):
        was = old.pop(rule.id, None)
        if was is not None and rule.revision > was.revision and "carry" not in rule.model_fields_set:
            why = (
                f"{rule.id} is changed, and members have begun on it; write carry: freeze (what they have stays what "
                "it was worth), migrate (it goes on by the new rule), or top_up (it goes on where that gives more)"
            )
            yield ("rules", index), why
    for name in old:
        if name not in after.retired:
            why = f"{name} is no longer there, and members have begun on it; keep it, or write retired: [{name}]"
            yield ("rules",), why


_Named = Iterator[tuple[Path, str, str]]
"""(path, what is taken, why)."""


def _levels(before: ProgrammeText, after: ProgrammeText) -> _Named:
    """Levels are counted anew when a version begins, by its thresholds and its window."""
    was, now = before.tier, after.tier
    if was is None:
        return
    path: Path = ("rules",) if now is None else ("tier",)
    harder = "" if now is None else next((key for key, worse in _terms(was, now) if worse), "")
    there = {} if now is None else {level.name: level.from_minor for level in now.levels}
    for level in was.levels:
        minor = there.get(level.name)
        if minor is None:
            yield path, level.name, f"{level.name} is no longer there, and members have reached it"
        elif minor > level.from_minor:
            rise = f"from {money(level.from_minor, before.currency)} to {money(minor, after.currency)}"
            yield path, level.name, f"{level.name} rises {rise}, and members have reached it"
        elif harder:
            yield path, level.name, f"{level.name} is lost sooner by {harder}, and members have reached it"


def _terms(was: Tier, now: Tier) -> Iterator[tuple[str, bool]]:
    """Key -> whether it makes a level that was reached end sooner."""
    months, before = now.window_months, was.window_months
    yield "window_months", months != before and not (before < months if before else months >= 12)
    yield "hold", was.hold is not None and now.hold is None  # a term that was earned stays while there are terms
    yield "grace_days", now.grace_days < was.grace_days
    yield "drop", was.drop == "soft" and now.drop == "hard"


def _rights(before: ProgrammeText, after: ProgrammeText) -> _Named:
    there = {right.id: (index, right) for index, right in enumerate(after.entitlements)}
    for right in before.entitlements:
        if right.id not in there:
            yield ("rules",), right.id, f"{right.id} is no longer there, and members have a right to it"
            continue
        index, now = there[right.id]
        if any(not any(_wider(way, other, before, after) for other in now.claims()) for way in right.claims()):
            yield ("entitlements", index), right.id, f"{right.id} is refused to some who had it"


def _prices(before: ProgrammeText, after: ProgrammeText) -> _Named:
    """Prices for what members have: a card, a term that is paid, a right, a level, what they have spent in all."""
    there = {rule.id: (index, rule) for index, rule in enumerate(after.price)}
    for rule in before.price:
        if not (rule.holds or rule.paid or rule.entitled or rule.by_spend or _of_members(rule.when, before)):
            continue
        if rule.id not in there:
            yield ("rules",), rule.id, f"{rule.id} is no longer there, and members have what it asks for"
            continue
        index, now = there[rule.id]
        if not (_wider(rule, now, before, after) and _asks_no_more(rule, now)):
            yield ("price", index), rule.id, f"{rule.id} is refused to some who had it"
        elif not _as_good(rule.discount, now.discount):
            yield ("price", index), rule.id, f"{rule.id} takes less off, and members have what it asks for"


def _wider(was: Claim, now: Claim, before: ProgrammeText, after: ProgrammeText) -> bool:
    """Whether a claim holds, as far as it can be read off the file, wherever an earlier one does."""
    asks = (
        _holds_where(_asked(now.when, after), _asked(was.when, before)),
        _bars_no_more(_asked(now.unless, after), _asked(was.unless, before)),
        set(now.holds or ()) <= set(was.holds or ()),
    )
    paid = was.paid is not None and now.paid is not None and now.paid.status == was.paid.status
    lasts = now.paid is None or (paid and was.paid is not None and now.paid.months >= was.paid.months)
    return all(asks) and lasts


def _asked(condition: Condition | None, programme: ProgrammeText) -> dict[str, Any]:
    """What a condition asks for, key by key; regions as the stores that lie in them."""
    asked: dict[str, Any] = meaning(condition, programme.conditions) or {}
    if "regions" in asked:
        stores = programme.stores.items()
        asked |= {"regions": tuple(name for name, store in stores if store.region in asked["regions"])}
    return asked


def _holds_where(now: dict[str, Any], was: dict[str, Any]) -> bool:
    """Whether a condition holds wherever an earlier one did: each key asks for the same, for one of more values, or for
    fewer months."""
    return all(
        key in was
        and (
            asked == was[key]
            or (isinstance(asked, tuple) and set(was[key]) <= set(asked))
            or (key == "tenure_months" and asked <= was[key])
        )
        for key, asked in now.items()
    )


def _bars_no_more(now: dict[str, Any], was: dict[str, Any]) -> bool:
    """Whether a condition bars nothing that an earlier one did not: each key is there before, with these values."""
    return all(
        key in was and (barred == was[key] or (isinstance(barred, tuple) and set(barred) <= set(was[key])))
        for key, barred in now.items()
    )


def _of_members(condition: Condition | None, programme: ProgrammeText) -> bool:
    """Whether it asks for what members have reached: a level, a group, a status, years."""
    asked = _asked(condition, programme)
    named = (programme.conditions[name] for name in (condition.conditions if condition is not None else None) or ())
    return not asked.keys().isdisjoint({"tiers", "groups", "status", "tenure_months"}) or any(
        _of_members(one, programme) for one in named
    )


def _asks_no_more(was: PriceText, now: PriceText) -> bool:
    return set(now.entitled or ()) <= set(was.entitled or ())


def _as_good(was: Discount, now: Discount) -> bool:
    """Whether a discount takes no less off: the same for the same lines, with a higher figure."""
    if isinstance(was, BySpend) and isinstance(now, BySpend):
        same = now.model_copy(update={"steps": was.steps}) == was
        return same and all(
            step.percent <= max((one.percent for one in now.steps if one.from_minor <= step.from_minor), default=0)
            for step in was.steps
        )
    for key in ("percent", "minor"):
        figure, other = getattr(was, key, None), getattr(now, key, None)
        if figure is not None and other is not None and type(was) is type(now):
            return other >= figure and now.model_copy(update={key: figure}) == was
    return now == was
