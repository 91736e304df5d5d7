"""What a new version takes back of what the one before it promised. Pure.

A purchase is rated for ever by the version it was bought under, so what was earned stays. What a later version can take
is what members have begun: stamps on a card, a month's spend, a friend who has not bought yet. It may, if it says how:
a changed rule says what becomes of its cells (`carry`), and one that ends says so (`retired`). Does not own what
carrying does (services/programme/rate.py).
"""

from __future__ import annotations

from collections.abc import Iterator

from services.programme.mechanics import MECHANICS
from services.programme.model import ProgrammeText, RuleText
from services.programme.written import Path


def broken(before: ProgrammeText, after: ProgrammeText) -> Iterator[tuple[Path, str]]:
    """What `after` takes back without saying how: the path in its file, and what to write."""
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
    for name in before.currencies.keys() - after.currencies.keys():
        yield ("currencies",), f"{name} is no longer there, and members have some of it; keep it"


def keeps(rule: RuleText) -> bool:
    """Whether members have begun on it: it keeps cells."""
    mechanic = MECHANICS[rule.mechanic]
    return not (mechanic.per_purchase or mechanic.per_fact)
