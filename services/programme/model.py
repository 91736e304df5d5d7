"""The programme file as it is written: one version of a programme, its rules, groups and currencies.

Owns the models. Does not own their reading (services/programme/reading.py), what the rules mean
(services/programme/mechanics) nor when a version is in force (services/programme/plan.py).
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, GetJsonSchemaHandler, field_validator, model_validator
from pydantic.json_schema import JsonSchemaValue

from events.model import Model
from events.values import Code, Currency, Id, Instant, NaturalInt, PositiveInt, millis
from services.programme.conditions import Condition, Known
from services.programme.entitlements import EntitlementText
from services.programme.levels import Tier
from services.programme.mechanic import LASTING_KEYS, Lasting
from services.programme.mechanics import MECHANICS
from services.programme.policies import LATE_DAYS_MAX, Closed, Redemptions, Returns, Store, Transfers, known_zone, once
from services.programme.pricing.price import PriceText
from services.programme.written import meant


def _shared_out(arms: dict[str, int]) -> dict[str, int]:
    if sum(arms.values()) != 100:
        raise ValueError(f"the shares come to {sum(arms.values())} %; make them 100 in all, with an arm for the rest")
    return arms


Arms = Annotated[dict[Code, Annotated[int, Field(ge=0, le=100)]], Field(min_length=2), AfterValidator(_shared_out)]
"""Arm -> its share in percent."""
RULE_KEYS = ("id", "revision", "carry", "group", "gives", "when", "unless")
"""The keys of a rule beside its mechanic's."""


class PointsCurrency(Lasting, Closed):
    """Points beside the regular ones, which are earned, spent and ended for themselves. How long they last it says for
    rules that give it and say nothing of it themselves, and for what is given by hand."""

    decimals: Annotated[int, Field(ge=0, le=4)] = 0
    """As `points_decimals`, of this currency."""


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
                + "".join(f"; not {key}{_perhaps(key)}" for key in other)
            )
        rest = {key: value[key] for key in RULE_KEYS if key in value}
        return rest | {"mechanic": known[0], "config": value[known[0]]}


def _perhaps(key: str) -> str:
    near = meant(key, (*RULE_KEYS, *MECHANICS))
    return f" (did you mean {near}?)" if near else ""


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
        try:
            millis(at)
        except ValueError as error:
            raise ValueError(f"{error}; write an instant that there is, such as 2026-03-10T09:30:00Z") from None
        return at

    @field_validator("rules")
    @classmethod
    def _rules_once(cls, rules: tuple[RuleText, ...]) -> tuple[RuleText, ...]:
        once("rule id", [rule.id for rule in rules])
        return rules

    @field_validator("entitlements")
    @classmethod
    def _rights_once(cls, rights: tuple[EntitlementText, ...]) -> tuple[EntitlementText, ...]:
        once("entitlement id", [right.id for right in rights])
        return rights

    @field_validator("price")
    @classmethod
    def _prices_once(cls, rules: tuple[PriceText, ...]) -> tuple[PriceText, ...]:
        once("price rule id", [rule.id for rule in rules])
        return rules

    @field_validator("partners")
    @classmethod
    def _partners_once(cls, partners: tuple[str, ...]) -> tuple[str, ...]:
        once("partner", list(partners))
        return partners


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


def config_of(mechanic: str, config: Any) -> Model:
    """A rule's config as its mechanic's model. Raises pydantic's ValidationError. Unknown keys are faults."""
    return MECHANICS[mechanic].Config.model_validate(config, extra="forbid")


def config_in(programme: ProgrammeText, text: RuleText) -> Model:
    """A rule's config; what it does not say of the end of its points, their currency says."""
    config = config_of(text.mechanic, text.config)
    lasting = programme.currencies[text.gives] if text.gives is not None else None
    if lasting is None or not isinstance(config, Lasting) or not config.model_fields_set.isdisjoint(LASTING_KEYS):
        return config
    return config.model_copy(update={key: getattr(lasting, key) for key in LASTING_KEYS})
