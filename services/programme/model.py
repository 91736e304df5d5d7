"""The programme file: YAML, one version a file, checked whole; every fault with its line and what to write instead.

Owns the models of the file and its reading. Does not own what the rules mean (services/programme/mechanics) nor when a
version is in force (services/programme/compile.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, GetJsonSchemaHandler, ValidationError, field_validator, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import ErrorDetails

from events.model import Model
from events.values import Code, Currency, Id, Instant, Months, NaturalInt, PositiveInt, millis
from services.programme.claims import claim_faults
from services.programme.conditions import Condition, Known, cycles, faults, reads_basket
from services.programme.entitlements import EntitlementText
from services.programme.mechanic import Counted, Mechanic
from services.programme.mechanics import MECHANICS
from services.programme.policies import LATE_DAYS_MAX, Closed, Redemptions, Returns, Store, Transfers, known_zone
from services.programme.pricing.price import PriceText
from services.programme.written import FAULTS_MAX, ProgrammeError, Written, causes, in_words, written


class TierLevel(Closed):
    """A level above the lowest, reached when the qualifying spend of the window reaches `from_minor`."""

    name: Code
    from_minor: PositiveInt


class Hold(Closed):
    """How long a level lasts that was reached, beyond the window that carried it: one of the two."""

    months: Annotated[int, Field(ge=1, le=1200)] | None = None
    """Until the end of the same day this many months later."""
    years: Annotated[int, Field(ge=0, le=100)] | None = None
    """Until the calendar year this many years later ends; 0: the year it is reached in."""

    @model_validator(mode="after")
    def _one_of_them(self) -> Hold:
        if (self.months is None) == (self.years is None):
            raise ValueError("write either months or years, for example {years: 1}: to the end of the next year")
        return self


class Tier(Counted, Closed):
    """The spend tier. Without one everybody is at level 0."""

    lowest: Code = "standard"
    """The name of level 0."""
    levels: Annotated[tuple[TierLevel, ...], Field(min_length=1)]
    window_months: Months = 12
    """A day's spend counts until the end of the same day this many months later; 0: until its calendar year ends."""
    hold: Hold | None = None
    """None: a level lasts as long as the window's spend carries it."""
    grace_days: Annotated[int, Field(ge=0, le=3660)] = 0
    """So many days more for a level that nothing carries any more."""
    drop: Literal["hard", "soft"] = "hard"
    """hard: to the level that is carried; soft: by one level at most, which then lasts a term."""
    qualify_on: Literal["event", "activation"] = "event"
    """When spend counts: at the purchase, or when its points become active."""
    pending_days: Annotated[int, Field(ge=1, le=3660)] | None = None
    """With qualify_on: activation, how many days later that is: what the rule of these points says."""

    @model_validator(mode="after")
    def _activation(self) -> Tier:
        if (self.qualify_on == "activation") != (self.pending_days is not None):
            raise ValueError(
                "qualify_on: activation and pending_days go together; "
                "write in pending_days after how many days the points become active"
            )
        return self

    @model_validator(mode="after")
    def _named_once(self) -> Tier:
        _once("level", [self.lowest, *(level.name for level in self.levels)])
        return self

    @model_validator(mode="after")
    def _ascending(self) -> Tier:
        amounts = [level.from_minor for level in self.levels]
        if amounts != sorted(set(amounts)):
            raise ValueError("levels must ascend by from_minor; put the lowest first and give each its own amount")
        return self


def _shared_out(arms: dict[str, int]) -> dict[str, int]:
    if sum(arms.values()) != 100:
        raise ValueError(f"the shares come to {sum(arms.values())} %; make them 100 in all, with an arm for the rest")
    return arms


Arms = Annotated[dict[Code, Annotated[int, Field(ge=0, le=100)]], Field(min_length=2), AfterValidator(_shared_out)]
"""Arm -> its share in percent."""

RULE_KEYS = ("id", "revision", "carry", "group", "gives", "when", "unless")
"""The keys of a rule beside its mechanic's."""


class PointsCurrency(Closed):
    """Points beside the regular ones, which are earned, spent and ended for themselves."""

    decimals: Annotated[int, Field(ge=0, le=4)] = 0
    """As `points_decimals`, of this currency."""
    valid_months: Months | None = None
    """For rules that give it and say nothing of it themselves, and for what is given by hand; None: never."""


class Group(Closed):
    """How rules are taken together."""

    stack: Literal["sum", "best", "exclusive"] = "sum"
    """sum: every rule counts. best: of each basket only the one that gives most, the first of equals. exclusive: the
    first that applies to a basket shuts out the others. One applies where its condition holds and goods count for it.
    """
    at_most: PositiveInt | None = None
    """So many points of one basket, whatever the rules of the group come to; the last of them give less."""

    @model_validator(mode="before")
    @classmethod
    def _word(cls, value: Any) -> Any:
        return {"stack": value} if isinstance(value, str) else value

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: Any, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        words = {"type": "string", "enum": ["sum", "best", "exclusive"]}
        return {"anyOf": [words, handler(core_schema)]}

    @property
    def together(self) -> bool:
        """Whether its rules are rated as one: then each of them must be worth what one basket says."""
        return self.stack == "best" or self.at_most is not None


class RuleText(Closed):
    """One rule: an id, and exactly one mechanic with its config."""

    id: Code
    revision: NaturalInt = 0
    """A changed rule is another revision: the cells of the old one are its own, and go on as `carry` says."""
    carry: Literal["freeze", "migrate", "top_up"] = "freeze"
    """What the cells of the revision before become when this one begins. freeze: they stay what they were worth;
    migrate: they move as they are, and the difference of their worth is posted; top_up: that, where it is more."""
    group: Code | None = None
    """Rules of one group are taken together, as `groups` says."""
    gives: Code | None = None
    """A currency of `currencies`; without it, the regular points."""
    when: Condition | None = None
    """The rule counts only those receipts of which this holds; without it, all."""
    unless: Condition | None = None
    """It passes over those of which one key of this holds."""
    mechanic: str
    config: Any

    @model_validator(mode="before")
    @classmethod
    def _one_mechanic(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        known = [key for key in value if key in MECHANICS]
        other = [str(key) for key in value if key not in MECHANICS and key not in RULE_KEYS]
        if len(known) != 1 or other:
            raise ValueError(
                f"a rule has {', '.join(RULE_KEYS)} (all but the id as needed) and exactly one of: "
                + ", ".join(sorted(MECHANICS))
                + (f"; not {', '.join(other)}" if other else "")
            )
        rest = {key: value[key] for key in RULE_KEYS if key in value}
        return rest | {"mechanic": known[0], "config": value[known[0]]}


class ProgrammeText(Closed):
    """One version of the programme, as written."""

    programme: Code
    version: Code
    effective_from: Instant
    """In force for what happens from this instant on, until the next version begins."""
    currency: Currency
    zone: str = "UTC"
    """IANA name; days, months and expiries are this zone's."""
    points_decimals: Annotated[int, Field(ge=0, le=4)] = 0
    """Amounts of points are whole numbers of the smallest unit: with 2 decimals, 150 means 1.50 points."""
    currencies: dict[Code, PointsCurrency] = Field(default={})
    """Points beside the regular ones: promotional, a partner's."""
    partners: tuple[Code, ...] = ()
    stores: dict[Id, Store] = Field(default={})
    """By their names on facts; only those whose days are not the programme's, or that have a region."""
    late_days: Annotated[int, Field(ge=0, le=LATE_DAYS_MAX)] = 35
    """How late a fact may come and still take its place in time from what is at hand."""
    returns: Returns = Returns()
    redemptions: Redemptions = Redemptions()
    transfers: Transfers = Transfers()
    tier: Tier | None = None
    arms: dict[Code, Arms] = Field(default={})
    """Trial -> its arms and their shares in percent, 100 in all. Who is in which never changes."""
    conditions: dict[Code, Condition] = Field(default={})
    """By their names, for `when` and `unless` of many rules."""
    groups: dict[Code, Group] = Field(default={})
    """How the rules of a group are taken together: a word, or `stack` and `at_most`."""
    entitlements: tuple[EntitlementText, ...] = ()
    price: tuple[PriceText, ...] = ()
    """What is taken off a basket before it is paid, in this order."""
    rules: tuple[RuleText, ...]
    retired: tuple[Code, ...] = ()
    """Names of what the version before promised and this one ends: rules, whose worth stays, and levels, entitlements
    and prices, also those that go on but are harder to have."""

    @field_validator("zone")
    @classmethod
    def _known_zone(cls, zone: str) -> str:
        return known_zone(zone)

    @field_validator("effective_from")
    @classmethod
    def _possible_instant(cls, at: str) -> str:
        millis(at)
        return at

    @field_validator("rules")
    @classmethod
    def _rules_once(cls, rules: tuple[RuleText, ...]) -> tuple[RuleText, ...]:
        _once("rule id", [rule.id for rule in rules])
        return rules

    @field_validator("entitlements")
    @classmethod
    def _rights_once(cls, rights: tuple[EntitlementText, ...]) -> tuple[EntitlementText, ...]:
        _once("entitlement id", [right.id for right in rights])
        return rights

    @field_validator("price")
    @classmethod
    def _prices_once(cls, rules: tuple[PriceText, ...]) -> tuple[PriceText, ...]:
        _once("price rule id", [rule.id for rule in rules])
        return rules

    @field_validator("partners")
    @classmethod
    def _partners_once(cls, partners: tuple[str, ...]) -> tuple[str, ...]:
        _once("partner", list(partners))
        return partners


def _once(what: str, names: list[str]) -> None:
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"{what} {', '.join(twice)} stands twice; every {what} needs a name of its own")


def read(text: str, name: str = "programme") -> ProgrammeText:
    """The programme that `text` says. Raises ProgrammeError with every fault; `name` stands for the file in them."""
    return _validated(written(text, name))


def _validated(file: Written) -> ProgrammeText:
    faults: list[str] = []
    programme: ProgrammeText | None = None
    try:
        programme = ProgrammeText.model_validate(file.value)
    except ValidationError as error:
        faults += [file.at(_path(e), in_words(e, _keys())) for e in causes(error)]
    rules = file.value.get("rules") if isinstance(file.value, dict) else None
    for index, rule in enumerate(rules if isinstance(rules, tuple) else ()):
        for key in (k for k in rule if k in MECHANICS) if isinstance(rule, dict) else ():
            faults += _config_faults(key, rule[key], ("rules", index, key), file)
    if programme is not None and not faults:
        faults += [file.at(path, why) for path, why in _between_rules(programme)]
    if faults or programme is None:
        faults.sort(key=lambda fault: int(fault.removeprefix(file.name + ":").split(":")[0]))
        more = len(faults) - FAULTS_MAX
        raise ProgrammeError((*faults[:FAULTS_MAX], *([f"{file.name}:1: and {more} more"] if more > 0 else [])))
    return programme


def _path(error: ErrorDetails) -> tuple[int | str, ...]:
    """Where in the file; pydantic names a key that is wrong by "[key]" behind it."""
    return tuple(step for step in error["loc"] if step != "[key]")


@cache
def _keys() -> frozenset[str]:
    """Every key that a file may have, for who has misspelt one."""
    schemas = [
        ProgrammeText.model_json_schema(),
        *(mechanic.Config.model_json_schema() for mechanic in MECHANICS.values()),
    ]
    return frozenset({*_properties(schemas), *MECHANICS})


def _properties(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        yield from schema.get("properties", {})
        schema = list(schema.values())
    if isinstance(schema, list):
        for value in schema:
            yield from _properties(value)


def _between_rules(programme: ProgrammeText) -> Iterator[tuple[tuple[int | str, ...], str]]:
    """What is wrong with a rule beside the others: the path, and why."""
    ids = [rule.id for rule in programme.rules]
    for group in programme.groups:
        if group in ids:
            yield ("groups", group), f"{group} is a rule's id; give the group a name of its own"
    for index, name in enumerate(programme.retired):
        if name in ids:
            yield ("retired", index), f"{name} is among the rules; take it out of one of them"
    yield from _conditions(programme)
    yield from _claims(programme)
    units: dict[str, str] = {}
    for index, rule in enumerate(programme.rules):
        mechanic, path = MECHANICS[rule.mechanic], ("rules", index)
        stateless = mechanic.per_purchase or mechanic.per_fact
        if rule.group is not None and rule.group not in programme.groups:
            yield (*path, "group"), f"there is no group {rule.group}; add it under groups, as sum or best"
        elif rule.group is not None and programme.groups[rule.group].together and not mechanic.per_purchase:
            yield (*path, "group"), f"a {rule.mechanic} counts more than one basket, so it cannot be taken with others"
        elif rule.group is not None and programme.groups[rule.group].stack == "exclusive" and not _counts(mechanic):
            yield (*path, "group"), f"a {rule.mechanic} does not go by the basket, so nothing shuts it out"
        for number, name in enumerate(getattr(config_of(rule.mechanic, rule.config), "of", None) or ()):
            before = {*(r.id for r in programme.rules[:index]), *(r.group for r in programme.rules[:index])}
            if name not in before:
                yield (*path, rule.mechanic, "of", number), f"no rule or group {name} stands before it; write it higher"
        if rule.carry != "freeze" and stateless:
            yield (*path, "carry"), f"a {rule.mechanic} keeps nothing that could be carried; leave carry out"
        elif rule.carry != "freeze" and mechanic.gives_away:
            yield (*path, "carry"), f"what a {rule.mechanic} gave is another member's, and stays; leave carry out"
        elif rule.carry != "freeze" and not rule.revision:
            yield (*path, "carry"), "the first revision has nothing to carry; leave carry out, or raise the revision"
        yield from _gives(programme, rule, path)
        if mechanic.reads_points and not any(_is_counted(other, rule) for other in programme.rules[:index]):
            yield path, f"no rule before it gives what a {rule.mechanic} counts; write it below those that do"
        levels = 1 + len(programme.tier.levels) if programme.tier is not None else 1
        if len(percent := getattr(config_of(rule.mechanic, rule.config), "tier_percent", None) or ()) > levels:
            why = f"{len(percent)} percentages for {levels} levels; write one for each, the last for all above"
            yield (*path, rule.mechanic, "tier_percent"), why
        if (never := _never(rule)) is not None:
            yield (
                (*path, "unless", never),
                "shuts out all that when asks for, so the rule never counts; take one of them out",
            )
        unit = getattr(config_of(rule.mechanic, rule.config), "unit", None)
        if unit is not None and units.setdefault(unit, rule.id) != rule.id:
            yield (*path, rule.mechanic, "unit"), f"{units[unit]} gives the unit {unit} already; name another one"


def _never(rule: RuleText) -> str | None:
    """A key of `unless` that leaves nothing of what `when` asks for. None: none does."""
    if rule.when is None or rule.unless is None:
        return None
    bars = rule.unless.asked
    for key, asked in rule.when.asked.items():
        if isinstance(asked, tuple) and set(asked) <= set(bars.get(key, ())):
            return key
    return None


def _gives(programme: ProgrammeText, rule: RuleText, path: tuple[int | str, ...]) -> Iterator[tuple[Any, str]]:
    """What is wrong with the currency of a rule."""
    if rule.gives is not None and rule.gives not in programme.currencies:
        yield (*path, "gives"), f"there is no {rule.gives} under currencies; add it there, with its decimals"
    if rule.gives is not None and (
        rule.mechanic == "referral" or getattr(config_of(rule.mechanic, rule.config), "to", None)
    ):
        yield (*path, "gives"), "what goes to another account is regular points; leave gives out"
    if rule.gives is not None and rule.mechanic == "adjustment":
        yield (*path, "gives"), "an adjusted fact says its currency itself, as unit; leave gives out"
    if rule.group is not None and rule.group in programme.groups and programme.groups[rule.group].together:
        first = next(other for other in programme.rules if other.group == rule.group)
        if first.gives != rule.gives:
            yield (
                (*path, "gives"),
                f"rules of {rule.group} are taken together and must give the same; {first.id} does not",
            )


def _is_counted(other: RuleText, by: RuleText) -> bool:
    """Whether a rule may give points that a later one counts: the member's own, of its currency."""
    config = config_of(other.mechanic, other.config)
    things = getattr(config, "unit", None) is not None or getattr(config, "to", None) is not None
    return other.gives == by.gives and not things and not MECHANICS[other.mechanic].reads_points


def _counts(mechanic: type[Mechanic]) -> bool:
    return "basket" in mechanic.kinds and not mechanic.reads_points


def _conditions(programme: ProgrammeText) -> Iterator[tuple[tuple[int | str, ...], str]]:
    """What is wrong with conditions beside what they name, and beside the mechanic that they stand with."""
    known, named = known_of(programme), programme.conditions
    for name, condition in named.items():
        yield from faults(condition, ("conditions", name), known)
    if circles := list(cycles(named)):
        yield from circles
        return
    for index, rule in enumerate(programme.rules):
        mechanic = MECHANICS[rule.mechanic]
        for key, asked in (("when", rule.when), ("unless", rule.unless)):
            path = ("rules", index, key)
            wrong = [] if asked is None else list(faults(asked, path, known))
            yield from wrong
            if wrong or not reads_basket(asked, named):
                continue
            if mechanic.reads_points:
                yield path, f"a {rule.mechanic} counts points; ask for a basket at the rules that give them"
            elif "basket" not in mechanic.kinds:
                yield path, f"a {rule.mechanic} reads no basket; leave basket out"


def _claims(programme: ProgrammeText) -> Iterator[tuple[tuple[int | str, ...], str]]:
    """What is wrong with prices and entitlements beside what they name."""
    known = known_of(programme)
    configs = [config_of(rule.mechanic, rule.config) for rule in programme.rules]
    units = frozenset(unit for config in configs if (unit := getattr(config, "unit", None)) is not None)
    rights = {right.id for right in programme.entitlements}
    for index, right in enumerate(programme.entitlements):
        for claim, path in zip(right.claims(), right.paths(), strict=True):
            yield from claim_faults(claim, ("entitlements", index, *path), known, units)
    for index, rule in enumerate(programme.price):
        yield from claim_faults(rule, ("price", index), known, units)
        for number, name in enumerate(rule.entitled or ()):
            if name not in rights:
                yield ("price", index, "entitled", number), f"there is no {name} under entitlements; add it there"
        if rule.group is not None and rule.group not in programme.groups:
            why = f"there is no group {rule.group}; add it under groups, as sum, best or exclusive"
            yield ("price", index, "group"), why
        elif rule.group is not None and programme.groups[rule.group].at_most is not None:
            yield ("price", index, "group"), "at_most is of points; give the prices a group of their own without it"


def known_of(programme: ProgrammeText) -> Known:
    """What the names in the programme's conditions may mean."""
    tier = programme.tier
    return Known(
        levels=(tier.lowest, *(level.name for level in tier.levels)) if tier else ("standard",),
        zone=programme.zone,
        zones={
            name: store.zone
            for name, store in programme.stores.items()
            if store.zone is not None and store.zone != programme.zone
        },
        regions={name: store.region for name, store in programme.stores.items() if store.region is not None},
        partners=frozenset(programme.partners),
        arms=programme.arms,
        named=programme.conditions,
    )


def fault_at(text: str, path: tuple[int | str, ...], why: str, name: str) -> str:
    """A fault of a part of a text that is sound by itself."""
    return written(text, name).at(path, why)


def _config_faults(mechanic: str, config: Any, path: tuple[int | str, ...], file: Written) -> Iterator[str]:
    """The faults of one rule's config, each with its own line."""
    try:
        config_of(mechanic, config)
    except ValidationError as error:
        for e in causes(error):
            yield file.at((*path, *_path(e)), in_words(e, _keys()))


def config_of(mechanic: str, config: Any) -> Model:
    """A rule's config as its mechanic's model. Raises pydantic's ValidationError. Unknown keys are faults."""
    return MECHANICS[mechanic].Config.model_validate(config, extra="forbid")
