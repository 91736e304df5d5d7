"""The plain sheet of a programme (M31): what a customer could read, every rule in a sentence or two.

The sentence of a rule is its mechanic's own, as `explain` says it of a point. Owns the sheet's order and what is said
around those sentences: when, for whom, until when.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from services.programme.caps import counting
from services.programme.claims import Claim, said
from services.programme.conditions import Condition
from services.programme.entitlements import EntitlementText
from services.programme.mechanic import POINTS
from services.programme.model import ProgrammeText, RuleText, config_in, known_of
from services.programme.plan import Version
from services.programme.pricing.price import PriceText
from services.programme.words import amount, counted, money

Sheet = list[tuple[str, list[str]]]
"""(heading, sentences)."""


def sheet(programme: ProgrammeText, version: Version) -> Sheet:
    """What the programme promises."""
    begins = f"In force from {programme.effective_from}. Days are those of {programme.zone}."
    parts: Sheet = [(f"{programme.programme}, version {programme.version}", [begins])]
    if programme.tier is not None:
        parts.append(("Levels", list(_levels(programme))))
    if programme.price:
        parts.append(("Prices", [price_words(rule, programme, version) for rule in programme.price]))
    parts.append(("Points and gifts", [rule_words(rule, programme, version) for rule in programme.rules]))
    if programme.entitlements:
        rights = [right_words(right, programme) for right in programme.entitlements]
        parts.append(("What members are entitled to", rights))
    if fee := programme.transfers.fee_percent:
        parts.append(("When points are given to another member", [f"{fee} % of them are kept."]))
    parts.append(("When goods come back", list(_returns(programme))))
    return parts


def price_words(rule: PriceText, programme: ProgrammeText, version: Version) -> str:
    """What is taken off, and for whom."""
    says = next(one.says for one in version.prices.rules if one.id == rule.id)
    return _sentence(says, _claim(rule, programme))


def right_words(right: EntitlementText, programme: ProgrammeText) -> str:
    """What members are entitled to, and by what."""
    ways = [way for one in right.claims() if (way := _claim(one, programme))]
    return _sentence(right.what or right.id, " or ".join(ways))


def rule_words(rule: RuleText, programme: ProgrammeText, version: Version) -> str:
    """A rule in a sentence or two."""
    config: Any = config_in(programme, rule)
    mechanic = version.mechanics[f"{rule.id}@{rule.revision}"]
    currency = programme.currencies.get(rule.gives or "")
    decimals = programme.points_decimals if currency is None else currency.decimals
    if rule.mechanic in ("cap", "daily_cap"):
        says = mechanic.why.removeprefix("because ")
    else:
        unit, points = getattr(config, "unit", None), getattr(config, "points", None)
        fixed = points if rule.mechanic not in ("share", "price_guarantee") else None
        given = amount(1, unit) if unit else "points" if fixed is None else amount(fixed, POINTS, decimals)
        says = mechanic.says(given)
    if rule.gives is not None:
        says = says.replace("points", f"{rule.gives} points", 1)
    more = list(_more(rule, config, programme, decimals))
    return f"{rule.id}: " + " ".join([_sentence(says, _when(rule.when, rule.unless, programme)), *more])


def _more(rule: RuleText, config: Any, programme: ProgrammeText, decimals: int) -> Iterator[str]:
    for one in counting(programme) if rule.mechanic in ("cap", "daily_cap") else ():
        if one.rule.id == rule.id and one.left_out:
            yield f"It leaves alone {' and '.join(one.left_out)}."
    percent = getattr(config, "tier_percent", (100,))
    if len(percent) > 1 and programme.tier is not None:
        names = (programme.tier.lowest, *(level.name for level in programme.tier.levels))
        shares = [f"{name} {percent[min(n, len(percent) - 1)]} %" for n, name in enumerate(names)]
        yield f"By level: {', '.join(shares)}."
    if rule.mechanic == "ladder":
        steps = [
            f"from {money(s.from_minor, programme.currency)} {amount(s.points, POINTS, decimals)}" for s in config.steps
        ]
        yield f"For every {money(config.per_minor, programme.currency)}: {', '.join(steps)}."
    if days := getattr(config, "pending_days", 0) or getattr(config, "after_days", 0):
        yield f"They can be spent after {_count(days, 'day')}."
    months, ends = getattr(config, "valid_months", None), getattr(config, "valid_days", None)
    if months is not None or ends is not None:
        after = _count(ends, "day") if ends is not None else _count(months or 0, "month")
        yield f"They end after {after}." if months or ends else "They end with the day."
    if rule.group is not None:
        yield from _together(rule.group, programme, decimals)


def _together(name: str, programme: ProgrammeText, decimals: int) -> Iterator[str]:
    group, ids = programme.groups[name], [rule.id for rule in programme.rules if rule.group == name]
    if group.stack != "sum" and len(ids) > 1:
        how = "the one that gives most" if group.stack == "best" else "the first that applies"
        yield f"Of {', '.join(ids)} only {how} counts."
    if group.at_most is not None:
        together = f" of {' and '.join(ids)} together" if len(ids) > 1 else ""
        yield f"At most {amount(group.at_most, POINTS, decimals)}{together} for a purchase."


def _levels(programme: ProgrammeText) -> Iterator[str]:
    tier = programme.tier
    assert tier is not None
    window = f"in {_count(tier.window_months, 'month')}" if tier.window_months else "in a calendar year"
    for level in tier.levels:
        yield f"{level.name}: {money(level.from_minor, programme.currency)} spent{counted(tier)} {window}."
    if tier.pending_days is not None:
        yield f"What is spent counts after {_count(tier.pending_days, 'day')}."
    if tier.hold is not None and tier.hold.months is not None:
        yield f"A level that was reached lasts {_count(tier.hold.months, 'month')}."
    elif tier.hold is not None:
        later = tier.hold.years or 0
        until = "the year" if not later else "the next year" if later == 1 else f"the {later}th year after"
        yield f"A level that was reached lasts to the end of {until}."
    if tier.grace_days:
        yield f"It then stays {_count(tier.grace_days, 'day')} more."
    if tier.drop == "soft":
        yield "A level falls by one step at most."


def _returns(programme: ProgrammeText) -> Iterator[str]:
    yield "They take back what they gave."
    yield {
        "debt": "Points that are spent already are owed, and what is earned next repays them.",
        "write_off": "Points that are spent already are forgiven, beyond what is there.",
        "source_lot": "Points that are spent already are forgiven.",
    }[programme.returns.shortfall]


def _claim(claim: Claim, programme: ProgrammeText) -> str:
    parts = [_when(claim.when, claim.unless, programme)]
    parts += [f"for members with {' and '.join(claim.holds)}"] if claim.holds else []
    if claim.paid is not None:
        fee = "" if claim.paid.fee_minor is None else f" ({money(claim.paid.fee_minor, programme.currency)})"
        parts.append(f"for {_count(claim.paid.months, 'month')} after {claim.paid.status}{fee} is paid")
    if entitled := getattr(claim, "entitled", None):
        parts.append(f"for members with {' and '.join(entitled)}")
    return ", ".join(part for part in parts if part)


def _when(when: Condition | None, unless: Condition | None, programme: ProgrammeText) -> str:
    known = known_of(programme)
    asks = " and ".join(said(when, known, programme.currency)) if when is not None else ""
    bars = " or ".join(said(unless, known, programme.currency)) if unless is not None else ""
    return (f"if {asks}" if asks else "") + (" and" if asks and bars else "") + (f" not if {bars}" if bars else "")


def _sentence(says: str, when: str) -> str:
    says = says.strip()
    return says[:1].upper() + says[1:] + (f", {when.strip()}" if when else "") + "."


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
