"""What changes from one version to the next, and for whom, in words."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple, TypeVar

from services.programme.claims import Claim, said
from services.programme.entitlements import EntitlementText
from services.programme.model import ProgrammeText, RuleText, known_of
from services.programme.pricing.price import PriceText
from services.programme.promises import broken, keeps
from services.programme.words import money
from services.workbench.programme.files import File
from services.workbench.programme.sheet import price_words, right_words, rule_words

APART = frozenset({"version", "effective_from", "rules", "price", "entitlements", "tier", "retired"})
"""Parts of the file that are not compared value by value."""


class Difference(NamedTuple):
    """One change. `before` and `after` in words; "" where there was, or is, nothing."""

    what: str
    before: str
    after: str
    whom: str
    """Whom it concerns."""
    begun: str = ""
    """What becomes of what members have begun on it."""


def changes(old: File, new: File) -> tuple[list[Difference], list[str]]:
    """The changes in the order of the file, and what the new one takes back without saying how."""
    found = [
        *_parts(old.programme, new.programme),
        *_levels(old.programme, new.programme),
        *_named("price", old, new, lambda file: file.programme.price, _price_words),
        *_rules(old, new),
        *_named("entitlement", old, new, lambda file: file.programme.entitlements, _right_words),
    ]
    return found, [why for _, why in broken(old.programme, new.programme)]


def _parts(old: ProgrammeText, new: ProgrammeText) -> Iterator[Difference]:
    for name in type(new).model_fields:
        was, now = getattr(old, name), getattr(new, name)
        if name in APART or was == now:
            continue
        if isinstance(was, dict) and isinstance(now, dict):
            for key in sorted({*was, *now}):
                if was.get(key) != now.get(key):
                    yield Difference(f"{name}.{key}", _plain(was.get(key)), _plain(now.get(key)), "everybody")
        else:
            yield Difference(name, _plain(was), _plain(now), "everybody")


def _levels(old: ProgrammeText, new: ProgrammeText) -> Iterator[Difference]:
    was, now = ({level.name: level.from_minor for level in p.tier.levels} if p.tier else {} for p in (old, new))
    for name in (*was, *(level for level in now if level not in was)):
        before, after = was.get(name), now.get(name)
        if before == after:
            continue
        texts = [f"from {money(minor, new.currency)}" if minor is not None else "" for minor in (before, after)]
        if before is not None and (after is None or after > before):
            top = "" if after is None else f" and less than {money(after, new.currency)}"
            whom = f"members who spent {money(before, new.currency)} or more{top}: they lose it, if no term holds it"
        else:
            low = 0 if after is None else after
            top = "" if before is None else f" and less than {money(before, new.currency)}"
            whom = f"members who spent {money(low, new.currency)} or more{top}: they have it at once"
        yield Difference(f"level {name}", texts[0], texts[1], whom)
    if old.tier is not None and new.tier is not None:
        for name in type(new.tier).model_fields:
            one, other = getattr(old.tier, name), getattr(new.tier, name)
            if name != "levels" and one != other:
                yield Difference(f"tier.{name}", _plain(one), _plain(other), "everybody with a level")


def _rules(old: File, new: File) -> Iterator[Difference]:
    was: dict[str, RuleText] = {rule.id: rule for rule in old.programme.rules}
    now: dict[str, RuleText] = {rule.id: rule for rule in new.programme.rules}
    for one in _named("rule", old, new, lambda file: file.programme.rules, _rule_words):
        name = one.what.removeprefix("rule ")
        yield one._replace(begun=_begun(was.get(name), now.get(name)))


Named = TypeVar("Named", RuleText, PriceText, EntitlementText)


def _named(
    what: str, old: File, new: File, of: Callable[[File], Iterable[Named]], words: Callable[[Named, File], str]
) -> Iterator[Difference]:
    """Changes of what has an id, in the order of the new file; what is gone stands last."""
    was: dict[str, Named] = {one.id: one for one in of(old)}
    now: dict[str, Named] = {one.id: one for one in of(new)}
    for name in (*now, *(gone for gone in was if gone not in now)):
        before, after = was.get(name), now.get(name)
        if before is not None and after is not None and _content(before) == _content(after):
            continue
        texts = ["" if one is None else words(one, file) for one, file in ((before, old), (after, new))]
        if before is not None and after is not None and texts[0] == texts[1]:  # of something that its words pass over
            texts = [_plain(_apart(one, other)) for one, other in ((before, after), (after, before))]
        whom = _whom(after or before, new if after else old)
        yield Difference(f"{what} {name}", texts[0], texts[1], whom)


def _rule_words(rule: RuleText, file: File) -> str:
    return rule_words(rule, file.programme, file.plan.versions[0]).removeprefix(f"{rule.id}: ")


def _price_words(rule: PriceText, file: File) -> str:
    return price_words(rule, file.programme, file.plan.versions[0])


def _right_words(right: EntitlementText, file: File) -> str:
    return right_words(right, file.programme)


def _content(one: RuleText | Claim) -> Any:
    return one.model_dump(mode="json", exclude_defaults=True, exclude={"revision", "carry"})


def _apart(one: RuleText | Claim, other: RuleText | Claim) -> dict[str, Any]:
    """What stands in one and not so in the other."""
    theirs = _content(other)
    return {key: value for key, value in _content(one).items() if value != theirs.get(key)}


def _whom(rule: RuleText | Claim | None, file: File) -> str:
    if rule is None or rule.when is None:
        return "everybody"
    return "where " + " and ".join(said(rule.when, known_of(file.programme), file.programme.currency))


def _begun(before: RuleText | None, after: RuleText | None) -> str:
    if before is None or not keeps(before):
        return "purchases of before keep what they gave" if before is not None else ""
    if after is None:
        return "what it was worth stays"
    return {
        "freeze": "what members have begun stays what it was worth; they begin anew",
        "migrate": "what members have begun goes on by the new rule",
        "top_up": "what members have begun goes on by the new rule where that gives more",
    }[after.carry]


def _plain(value: Any) -> str:
    """A part of the file, as a person would write it on a line; "" for nothing."""
    if value is None or value in ((), {}, []):
        return ""
    if hasattr(value, "model_dump"):
        return _plain(value.model_dump(exclude_defaults=True, mode="json"))
    if isinstance(value, dict):
        return ", ".join(f"{key}: {_inside(one)}" for key, one in value.items())
    if isinstance(value, (tuple, list)):
        return ", ".join(map(_inside, value))
    return str(value)


def _inside(value: Any) -> str:
    """The same, so that it can be told from what follows."""
    return f"({_plain(value)})" if isinstance(value, (dict, tuple, list)) and len(value) > 1 else _plain(value)
