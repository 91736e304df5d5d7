"""What changes from one version to the next, and for whom, in words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from services.programme.claims import said
from services.programme.model import ProgrammeText, RuleText, known_of
from services.programme.promises import broken, keeps
from services.programme.words import money
from services.workbench.programme.files import File
from services.workbench.programme.sheet import rule_words

RULES_APART = frozenset({"version", "effective_from", "rules", "tier", "retired"})
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
    found = [*_parts(old.programme, new.programme), *_levels(old.programme, new.programme), *_rules(old, new)]
    return found, [why for _, why in broken(old.programme, new.programme)]


def _parts(old: ProgrammeText, new: ProgrammeText) -> Iterator[Difference]:
    for name in type(new).model_fields:
        was, now = getattr(old, name), getattr(new, name)
        if name in RULES_APART or was == now:
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
    was, now = ({rule.id: rule for rule in file.programme.rules} for file in (old, new))
    for name in (*now, *(rule for rule in was if rule not in now)):
        before, after = was.get(name), now.get(name)
        texts = [
            "" if rule is None else rule_words(rule, file.programme, file.plan.versions[0]).removeprefix(f"{name}: ")
            for rule, file in ((before, old), (after, new))
        ]
        same = before is not None and after is not None and _content(before) == _content(after)
        if same or before == after:
            continue
        whom = _whom(after or before, new if after else old)
        yield Difference(f"rule {name}", texts[0], texts[1], whom, _begun(before, after))


def _content(rule: RuleText) -> Any:
    return rule.model_dump(exclude={"revision", "carry"})


def _whom(rule: RuleText | None, file: File) -> str:
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
    if value is None or value in ((), {}):
        return ""
    if hasattr(value, "model_dump"):
        return str(value.model_dump(exclude_defaults=True, mode="json"))
    if isinstance(value, tuple):
        return ", ".join(_plain(one) for one in value)
    return str(value)
