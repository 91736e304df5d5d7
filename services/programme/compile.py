"""From published programme texts to what a fact is rated by: versions in order of effect, rules bound to their config.

A version is in force from its own instant until the next one begins. A rule keeps its identity over versions by
(id, revision): its cells go on; a new revision begins with cells of its own, or takes over the old ones' as it says.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Literal

import msgspec

from events.facts.purchases import Line
from events.model import Model
from events.values import millis
from services.programme.calendar import NEVER, day_of
from services.programme.conditions import Known, Predicate, meaning, predicate
from services.programme.entitlements import Entitlement, entitlement
from services.programme.index import FEW, Index, Needs
from services.programme.kept import not_kept
from services.programme.mechanic import CURRENCY, POINTS, Basket, Change, Context, Frame, Mechanic, Meter
from services.programme.mechanics import ALWAYS, MECHANICS
from services.programme.model import ProgrammeText, RuleText, Tier, config_of, fault_at, known_of, read
from services.programme.policies import Shortfall
from services.programme.pricing.price import PriceList, price_list
from services.programme.timeline import TierRule, Timeline
from services.programme.written import ProgrammeError


class Rule(msgspec.Struct, frozen=True):
    """A mechanic bound to its config. `name` is id@revision."""

    name: str
    mechanic: Mechanic
    measure: int | None
    """Index of the measure it needs: a change where that is 0 before and after is skipped. None: never skipped."""
    heir: Heir | None = None
    """The revision that takes over its cells; None: they stay its own for ever."""
    stack: Stack | None = None
    """A group that is rated as one, in place of the rule itself."""
    unit: str = POINTS
    """What the points that it gives are: regular, or of another currency."""
    of: frozenset[str] | None = None
    """Names of the rules whose points it counts. None: those of all before it."""
    when: Predicate | None = None
    """Receipts of which it does not hold are as if they were not there. None: all are."""


class Stack(msgspec.Struct, frozen=True):
    """Rules of baskets that are rated together."""

    rules: tuple[Rule, ...]
    best: bool
    """Of each basket only the rule that gives most counts, the first of equals."""
    at_most: int | None
    """Points of one basket: the last rules give what is left of them. None: any."""


class Heir(msgspec.Struct, frozen=True):
    """The next revision of a rule, and from when and how it takes over the cells."""

    starts_ms: int
    rule: Rule
    top_up: bool
    """Only those cells that are then worth more."""


class Version(msgspec.Struct, frozen=True):
    """One programme version, compiled."""

    name: str
    starts_ms: int
    currency: str
    zone: str
    partners: frozenset[str]
    levels: tuple[str, ...]
    """Names of the tier's levels, the lowest first; one where there is no tier."""
    meter: Meter
    tier: TierRule | None
    rules: dict[str, tuple[Rule, ...]]
    """By fact type; "basket" for every change of a basket. In the file's order. A type that no rule reads is absent."""
    store_zones: dict[str, str]
    """Store -> its zone, where it is not the programme's."""
    late_days: int
    returns: Literal["protected", "strict"]
    shortfall: Shortfall
    after_expiry: Literal["original", "grace", "reissue"]
    grace_days: int
    """With after_expiry "grace"; else 0."""
    late_capture: Literal["book", "refuse"]
    transfer_fee_percent: int
    mechanics: dict[str, Mechanic] = {}
    """By id@revision, those of groups among them: who wants to say what a rule gives for asks here."""
    prices: PriceList = PriceList()
    entitlements: tuple[Entitlement, ...] = ()
    currencies: dict[str, int] = {}
    """Points beside the regular ones -> their decimals."""
    conditional: bool = False
    """Whether a rule has a condition: then baskets want their context."""
    index: Index[Rule] | None = None
    """Of the rules of baskets, where they are many."""
    carried: tuple[Rule, ...] = ()
    """Rules of earlier versions whose cells are taken over when this one begins: see rate.py:migrate."""
    lots_last_ms: int = 0
    """The lots that a basket touches do not end before so long after it (0: nothing is known), so that what comes back
    within this time needs no breakage (services/book/needs.py)."""
    points_decimals: int = 0
    """How many decimals amounts of points have when a person reads them."""

    def basket(
        self,
        purchase: str,
        at_ms: int,
        lines: tuple[Line, ...],
        tier: int,
        partner: str | None,
        store: str | None,
        context: Context | None = None,
    ) -> Basket:
        """A receipt as this version rates it, in the level `tier`. `context` only where the version is conditional."""
        day = day_of(at_ms, self.zone)
        store_day = day_of(at_ms, self.store_zones[store]) if store in self.store_zones else day
        return Basket(purchase, at_ms, day, store_day, lines, tier, partner or "", self.meter.measure(lines), context)

    def touched(self, change: Change) -> Sequence[Rule]:
        """The rules of baskets that a change may touch, in the file's order."""
        return self.rules["basket"] if self.index is None else self.index.touched(change.before, change.after)


class Plan(msgspec.Struct, frozen=True):
    """Every version that was published, by its beginning."""

    versions: tuple[Version, ...]
    starts_ms: tuple[int, ...]
    carries: tuple[tuple[int, tuple[str, ...]], ...] = ()
    """Derived: when versions begin that take cells over, ascending, and from which rules."""
    draws: bool = False
    """Derived: whether any rule draws on lots."""

    def __post_init__(self) -> None:
        carries = tuple((v.starts_ms, tuple(rule.name for rule in v.carried)) for v in self.versions if v.carried)
        draws = any(rule.mechanic.draws for v in self.versions for rules in v.rules.values() for rule in rules)
        msgspec.structs.force_setattr(self, "carries", carries)
        msgspec.structs.force_setattr(self, "draws", draws)

    @property
    def zone(self) -> str:
        """The zone of the newest version: in which days end."""
        return self.versions[-1].zone if self.versions else "UTC"

    @property
    def partners(self) -> tuple[str, ...]:
        """Every partner of every version, sorted."""
        return tuple(sorted({partner for version in self.versions for partner in version.partners}))

    def at(self, instant_ms: int) -> Version | None:
        """The version in force at an instant; None before the first one."""
        index = bisect_right(self.starts_ms, instant_ms)
        return self.versions[index - 1] if index else None

    def of(self, instant_ms: int) -> Version:
        """The version in force at an instant of a rated purchase."""
        version = self.at(instant_ms)
        assert version is not None
        return version

    def begun_ms(self, instant_ms: int) -> int:
        """When the version began that is in force at an instant; -NEVER before the first one."""
        index = bisect_right(self.starts_ms, instant_ms)
        return self.starts_ms[index - 1] if index else -NEVER

    def begin_levels(self, timeline: Timeline, index: int) -> None:
        """Let a version take over the levels, at its own instant."""
        before = self.versions[index - 1].tier if index else None
        if before is not None:
            timeline.roll(self.starts_ms[index], before)
            timeline.begin(before, self.versions[index].tier, self.starts_ms[index])

    def tier_of(self, bought: Version, day: int, at_ms: int) -> TierRule | None:
        """The rule in force at an instant for the spend of a day under an earlier version. None: that spend had ceased
        to count when a version in between began."""
        rule = bought.tier
        for version in self.versions[bisect_right(self.starts_ms, bought.starts_ms) :]:
            if version.starts_ms > at_ms:
                break
            if rule is None or rule.matters_until(day + rule.lag_days) <= version.starts_ms:
                return None
            rule = version.tier
        return rule


def compile_programme(texts: Sequence[str], names: Sequence[str] = ()) -> Plan:
    """The plan of all published texts, in the order of their publication. Raises ProgrammeError with every fault.

    `names` stand for the files in the faults. Two versions that begin at one instant, or share a name, are a fault, and
    so is a rule that was changed without a new revision.
    """
    read_ones: list[_Read] = []
    faults: list[str] = []
    for index, text in enumerate(texts):
        name = names[index] if index < len(names) else f"programme {index + 1}"
        try:
            read_ones.append(_Read(read(text, name), text, name))
        except ProgrammeError as error:
            faults += error.faults
    faults += _published_twice(read_ones)
    read_ones.sort(key=lambda one: millis(one.programme.effective_from))
    faults += _between_versions(read_ones)
    if faults:
        raise ProgrammeError(tuple(faults))
    versions = _versions([one.programme for one in read_ones])
    return Plan(versions, tuple(version.starts_ms for version in versions))


def begins_ms(text: str) -> int:
    """When the version of a sound text begins."""
    return millis(read(text).effective_from)


def _published_twice(read_ones: Sequence[_Read]) -> Iterator[str]:
    """In the order of publication: what a later version has of an earlier one."""
    for what in ("version", "effective_from"):
        seen: dict[str, _Read] = {}
        for one in read_ones:
            value = getattr(one.programme, what)
            first = seen.setdefault(value, one)
            if first is not one:
                why = f"{value} is published twice, first by {first.name}; every version needs its own"
                yield fault_at(one.text, (what,), why, one.name)


class _Read(msgspec.Struct, frozen=True):
    programme: ProgrammeText
    text: str
    name: str


def _between_versions(read_ones: Sequence[_Read]) -> Iterator[str]:
    """What is wrong with a version beside those before it, with file and line."""
    newest: dict[str, tuple[RuleText, object]] = {}
    arms: dict[str, list[tuple[str, int]]] = {}
    for earlier, one in pairwise(read_ones):
        for path, why in not_kept(earlier.programme, one.programme):
            yield fault_at(one.text, path, why, one.name)
    for one in read_ones:
        for trial, shares in one.programme.arms.items():
            if arms.setdefault(trial, list(shares.items())) != list(shares.items()):
                why = (
                    f"{trial} has shared members out otherwise, and they would change their arms; give it another name"
                )
                yield fault_at(one.text, ("arms", trial), why, one.name)
        for index, rule in enumerate(one.programme.rules):
            now = rule, _said(one.programme, rule)
            before = newest.setdefault(rule.id, now)
            newest[rule.id] = now
            if one is read_ones[0]:
                continue  # what was before it is not at hand
            if why := _not_after(before[0], rule, first=before is now, same=before[1] == now[1]):
                yield fault_at(one.text, ("rules", index), why, one.name)


def _not_after(before: RuleText, rule: RuleText, *, first: bool, same: bool) -> str:
    """Why a rule cannot follow its newest earlier form; "" when it can."""
    mechanic = MECHANICS[rule.mechanic]
    if first:
        return "no earlier revision is there to carry; leave carry out" if rule.carry != "freeze" else ""
    if rule.mechanic != before.mechanic:
        return f"{rule.id} was a {before.mechanic}; give the {rule.mechanic} an id of its own"
    if rule.revision < before.revision:
        return f"{rule.id} has had revision {before.revision}; give this one {before.revision + 1}"
    keeps = not (mechanic.per_purchase or mechanic.per_fact)
    if keeps and rule.revision == before.revision and not same:
        return (
            f"{rule.id} was changed; give it revision {rule.revision + 1}, and say in carry what becomes of its cells"
        )
    return ""


def _said(programme: ProgrammeText, rule: RuleText) -> object:
    named = programme.conditions
    return _config(programme, rule), rule.gives, meaning(rule.when, named), meaning(rule.unless, named)


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
    lasting = {name: one.valid_months for name, one in programme.currencies.items() if one.valid_months is not None}
    rules: list[Rule] = []
    for text in programme.rules:
        currency = programme.currencies[text.gives] if text.gives is not None else None
        decimals = programme.points_decimals if currency is None else currency.decimals
        frame = Frame(programme.zone, programme.currency, text.id, decimals, lasting)
        mechanic = MECHANICS[text.mechanic](_config(programme, text), meter, frame)
        rule = Rule(
            f"{text.id}@{text.revision}",
            mechanic,
            mechanic.measure,
            _heir(text, later.get(text.id)),
            when=predicate(text.when, text.unless, meter, known),
            unit=POINTS if text.gives is None else CURRENCY + text.gives,
            of=_named(programme, text),
        )
        later[text.id] = _Later(text.revision, text.carry, starts_ms, rule)
        rules.append(rule)
    mechanics = {rule.name: rule.mechanic for rule in rules}
    rules = _grouped(programme, _shut_out(programme, rules))
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
        rules={kind: tuple(rule for rule in rules if kind in rule.mechanic.kinds) for kind in sorted(kinds)},
        store_zones=dict(known.zones),
        late_days=programme.late_days,
        returns=programme.returns.policy,
        shortfall=programme.returns.shortfall,
        after_expiry=programme.redemptions.after_expiry,
        grace_days=programme.redemptions.grace_days or 0,
        late_capture=programme.redemptions.late_capture,
        transfer_fee_percent=programme.transfers.fee_percent,
        points_decimals=programme.points_decimals,
        mechanics=mechanics,
        prices=prices,
        entitlements=tuple(entitlement(text, meter, known, programme.currency) for text in programme.entitlements),
        lots_last_ms=min((_lasts_days(rule) for rule in rules if "basket" in rule.mechanic.kinds), default=0)
        * 86_400_000,
        currencies={name: currency.decimals for name, currency in programme.currencies.items()},
        index=_index(programme, [rule for rule in rules if "basket" in rule.mechanic.kinds], known),
        conditional=any(rule.when or rule.unless for rule in programme.rules),
    )


def _lasts_days(rule: Rule) -> int:
    return min(one.mechanic.lasts_days for one in (rule.stack.rules if rule.stack is not None else (rule,)))


def _index(programme: ProgrammeText, rules: Sequence[Rule], known: Known) -> Index[Rule] | None:
    if len(rules) <= FEW:
        return None
    texts = {f"{text.id}@{text.revision}": text for text in programme.rules}
    return Index((rule, _needs(rule, texts.get(rule.name), known)) for rule in rules)


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


def _config(programme: ProgrammeText, text: RuleText) -> Model:
    """A rule's config; what it does not say of the end of its points, their currency says."""
    config = config_of(text.mechanic, text.config)
    months = programme.currencies[text.gives].valid_months if text.gives is not None else None
    if months is None or "valid_months" not in type(config).model_fields or "valid_months" in config.model_fields_set:
        return config
    return config.model_copy(update={"valid_months": months})


def _heir(text: RuleText, later: _Later | None) -> Heir | None:
    if later is None:
        return None
    if later.revision == text.revision:
        return later.rule.heir
    return None if later.carry == "freeze" else Heir(later.starts_ms, later.rule, later.carry == "top_up")


def _grouped(programme: ProgrammeText, rules: list[Rule]) -> list[Rule]:
    """A group that is rated as one stands where the last of its rules does."""
    members: dict[str, list[Rule]] = {}
    for text, rule in zip(programme.rules, rules, strict=True):
        if text.group is not None and (programme.groups[text.group].together):
            members.setdefault(text.group, []).append(rule)
    last = {group[-1].name: name for name, group in members.items()}
    alone = {rule.name for group in members.values() for rule in group} - last.keys()
    return [_stacked(programme, last[rule.name], members, rule) if rule.name in last else rule
            for rule in rules if rule.name not in alone]  # fmt: skip


def _stacked(programme: ProgrammeText, name: str, members: dict[str, list[Rule]], rule: Rule) -> Rule:
    group = programme.groups[name]
    return Rule(
        name,
        rule.mechanic,
        None,
        unit=rule.unit,
        stack=Stack(tuple(members[name]), group.stack == "best", group.at_most),
    )


def _shut_out(programme: ProgrammeText, rules: list[Rule]) -> list[Rule]:
    """Of an exclusive group a rule counts only those baskets that no rule before it counts: one of which its condition
    holds, and that has lines which count for it."""
    before: dict[str, list[Rule]] = {}
    found = []
    for text, rule in zip(programme.rules, rules, strict=True):
        first: tuple[Rule, ...] = ()
        if text.group is not None and programme.groups[text.group].stack == "exclusive":
            earlier = before.setdefault(text.group, [])
            first = tuple(earlier)
            earlier.append(rule)
        found.append(msgspec.structs.replace(rule, when=_none_of(first, rule.when)) if first else rule)
    return found


def _none_of(first: tuple[Rule, ...], when: Predicate | None) -> Predicate:
    def holds(basket: Basket) -> bool:
        for rule in first:
            if (rule.measure is None or basket.measures[rule.measure]) and (rule.when is None or rule.when(basket)):
                return False
        return when is None or when(basket)

    return holds


def _named(programme: ProgrammeText, text: RuleText) -> frozenset[str] | None:
    """The rules that a cap names, by itself or through their groups."""
    of: tuple[str, ...] | None = getattr(config_of(text.mechanic, text.config), "of", None)
    if of is None and not (text.gives is not None and MECHANICS[text.mechanic].reads_points):
        return None
    return frozenset(
        f"{rule.id}@{rule.revision}" for rule in programme.rules if of is None or rule.id in of or rule.group in of
    )


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
