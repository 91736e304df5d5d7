"""From published programme texts to the plan: versions in order of effect, rules bound to their config.

A rule keeps its identity over versions by (id, revision): its cells go on; a new revision begins with cells of its own,
or takes over the old ones' as it says. Owns the making; what is made is services/programme/plan.py and rule.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from events.values import millis
from services.programme.caps import counting, moves_others
from services.programme.conditions import Known, reads_context
from services.programme.entitlements import entitlement
from services.programme.index import FEW, ByPartner, Index, Needs
from services.programme.levels import Tier
from services.programme.mechanic import CURRENCY, POINTS, Frame, Lasting, Meter
from services.programme.mechanics import ALWAYS, MECHANICS
from services.programme.model import ProgrammeText, RuleText, config_in, known_of
from services.programme.plan import Plan, Version
from services.programme.predicates import predicate
from services.programme.pricing.price import price_list
from services.programme.reading import read
from services.programme.revisions import Published, between_versions, published_twice
from services.programme.rule import Heir, Rule
from services.programme.stacking import grouped, shut_out
from services.programme.timeline import TierRule
from services.programme.written import ProgrammeError


def compile_programme(texts: Sequence[str], names: Sequence[str] = ()) -> Plan:
    """The plan of all published texts, in the order of their publication. Raises ProgrammeError with every fault.

    `names` stand for the files in the faults. Two versions that begin at one instant, or share a name, are a fault, and
    so is a rule that was changed without a new revision.
    """
    read_ones: list[Published] = []
    faults: list[str] = []
    for index, text in enumerate(texts):
        name = names[index] if index < len(names) else f"programme {index + 1}"
        try:
            read_ones.append(Published(read(text, name), text, name))
        except ProgrammeError as error:
            faults += error.faults
    faults += published_twice(read_ones)
    read_ones.sort(key=lambda one: millis(one.programme.effective_from))
    faults += between_versions(read_ones)
    if faults:
        raise ProgrammeError(tuple(faults))
    programmes = [one.programme for one in read_ones]
    versions = _versions(programmes)
    return Plan(versions, tuple(version.starts_ms for version in versions), by_lot=moves_others(programmes))


def begins_ms(text: str) -> int:
    """When the version of a sound text begins."""
    return millis(read(text).effective_from)


def _versions(programmes: Sequence[ProgrammeText]) -> tuple[Version, ...]:
    """Compiled from the last to the first, so that each rule knows its heir."""
    later: dict[str, _Later] = {}
    versions = [_version(programme, later) for programme in reversed(programmes)][::-1]
    carried: dict[int, dict[str, Rule]] = {}
    for version in versions:
        for rules in version.rules.values():
            for rule in rules:
                if rule.heir is not None:
                    carried.setdefault(rule.heir.starts_ms, {})[rule.name] = rule
    return tuple(
        msgspec.structs.replace(version, carried=tuple(carried.get(version.starts_ms, {}).values()))
        for version in versions
    )


class _Later(msgspec.Struct, frozen=True):
    """The next version's form of a rule."""

    revision: int
    carry: str
    starts_ms: int
    rule: Rule


def _version(programme: ProgrammeText, later: dict[str, _Later]) -> Version:
    """One version; `later` holds every rule's next form, and is brought up to this one."""
    meter, known = Meter(), known_of(programme)
    starts_ms = millis(programme.effective_from)
    lasting = {name: one for name, one in programme.currencies.items() if one.end_key}
    made = _made(programme, meter, known, lasting, later)
    mechanics = {rule.name: rule.mechanic for rule in made}
    rules = grouped(programme, shut_out(programme, made))
    for name in ALWAYS:
        if not any(rule.mechanic == name for rule in programme.rules):
            kind = MECHANICS[name]
            frame = Frame(programme.zone, programme.currency, name, programme.points_decimals, lasting)
            rules.append(Rule(f"{name}@0", kind(kind.Config(), meter, frame), None))
            mechanics[f"{name}@0"] = rules[-1].mechanic
    tier = programme.tier
    stacks = {name: group.stack for name, group in programme.groups.items()}
    prices = price_list(programme.price, stacks, meter, known, Frame(programme.zone, programme.currency, ""))
    rules += [Rule(name, counter, counter.measure) for name, counter in prices.spent]
    of_baskets = tuple(rule for rule in rules if rule.of_baskets)
    kinds = {kind for rule in rules for kind in rule.mechanic.kinds} | {"basket"}
    return Version(
        name=programme.version,
        starts_ms=starts_ms,
        currency=programme.currency,
        zone=programme.zone,
        partners=frozenset(programme.partners),
        levels=known.levels,
        meter=meter,
        tier=None if tier is None else _tier_rule(tier, meter, programme),
        rules={kind: tuple(rule for rule in rules if kind in rule.mechanic.kinds) for kind in sorted(kinds)}
        | {"basket": of_baskets},
        store_zones=dict(known.zones),
        late_days=programme.late_days,
        returns=programme.returns.policy,
        shortfall=programme.returns.shortfall,
        after_expiry=programme.redemptions.after_expiry,
        grace_days=programme.redemptions.grace_days or 0,
        late_capture=programme.redemptions.late_capture,
        transfer_fee_percent=programme.transfers.fee_percent,
        counting=tuple(rule for rule in of_baskets if rule.mechanic.reads_points),
        points_decimals=programme.points_decimals,
        mechanics=mechanics,
        prices=prices,
        entitlements=tuple(entitlement(text, meter, known, programme.currency) for text in programme.entitlements),
        lots_last_ms=min((_lasts_days(rule) for rule in of_baskets), default=0) * 86_400_000,
        currencies={name: currency.decimals for name, currency in programme.currencies.items()},
        index=_index(programme, of_baskets, known),
        contextual=any(
            reads_context(asked, programme.conditions) for rule in programme.rules for asked in (rule.when, rule.unless)
        ),
    )


def _made(
    programme: ProgrammeText, meter: Meter, known: Known, lasting: Mapping[str, Lasting], later: dict[str, _Later]
) -> list[Rule]:
    """The rules of a file, in its order; `later` is brought up to them."""
    made: dict[str, Rule] = {}
    countings = {one.rule.id: one for one in counting(programme)}
    for text in programme.rules:
        currency = programme.currencies[text.gives] if text.gives is not None else None
        decimals = programme.points_decimals if currency is None else currency.decimals
        frame = Frame(programme.zone, programme.currency, text.id, decimals, lasting)
        mechanic = MECHANICS[text.mechanic](config_in(programme, text), meter, frame)
        one = countings.get(text.id)
        made[text.id] = rule = Rule(
            f"{text.id}@{text.revision}",
            mechanic,
            mechanic.measure,
            _heir(text, later.get(text.id)),
            when=predicate(text.when, text.unless, meter, known),
            unit=POINTS if text.gives is None else CURRENCY + text.gives,
            counts=frozenset(counted.id for counted in one.counts) if one is not None else frozenset(),
            of=_names(one.counts, made) if one is not None and one.apart else None,
            of_purchases=one is not None and one.of_purchases,
        )
        later[text.id] = _Later(text.revision, text.carry, millis(programme.effective_from), rule)
    return list(made.values())


def _names(texts: Iterable[RuleText], made: dict[str, Rule]) -> frozenset[str]:
    """The names of rules that were made, and of the revisions that take over their cells."""
    names = set()
    for text in texts:
        one: Rule | None = made[text.id]
        while one is not None:
            names.add(one.name)
            one = one.heir.rule if one.heir is not None else None
    return frozenset(names)


def _lasts_days(rule: Rule) -> int:
    return min(one.mechanic.lasts_days for one in (rule.stack.rules if rule.stack is not None else (rule,)))


def _index(programme: ProgrammeText, rules: Sequence[Rule], known: Known) -> Index[Rule] | ByPartner[Rule]:
    texts = {f"{text.id}@{text.revision}": text for text in programme.rules}
    needs = [(rule, _needs(rule, texts.get(rule.name), known)) for rule in rules]
    return ByPartner(needs) if len(rules) <= FEW else Index(needs)


def _needs(rule: Rule, text: RuleText | None, known: Known) -> Needs:
    """Without what a rule gives nothing for a basket: as its condition says, and the lines that its measure counts."""
    if text is None or rule.stack is not None:
        return Needs()
    when = text.when
    stores = frozenset(when.stores) if when is not None and when.stores else None
    if stores is None and when is not None and when.regions:
        stores = frozenset(store for store, region in known.regions.items() if region in when.regions)
    partners = frozenset(when.partners) if when is not None and when.partners else None
    return Needs(stores, partners, rule.measure)


def _heir(text: RuleText, later: _Later | None) -> Heir | None:
    if later is None:
        return None
    if later.revision == text.revision:
        return later.rule.heir
    return None if later.carry == "freeze" else Heir(later.starts_ms, later.rule, later.carry == "top_up")


def _tier_rule(tier: Tier, meter: Meter, programme: ProgrammeText) -> TierRule:
    return TierRule(
        thresholds_minor=tuple(level.from_minor for level in tier.levels),
        window_months=tier.window_months,
        zone=programme.zone,
        measure=meter.add("gross", tier),
        hold_months=tier.hold.months if tier.hold else None,
        hold_years=tier.hold.years if tier.hold else None,
        grace_days=tier.grace_days,
        soft=tier.drop == "soft",
        lag_days=tier.pending_days or 0,
    )
