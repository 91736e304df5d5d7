"""What one till says, as records of a batch for intake's pure walk, with no server."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from typing import Any

from events.decode import encode_fact
from events.topics import ENROLMENTS, PURCHASES, Topic
from services.intake.core.batch import Item, NewRevision, Plan, walk
from services.intake.core.identity import Act, Decided, Key, Place, Revision
from services.intake.core.reading import hear

AT = "2026-03-10T09:30:00Z"


class Said:
    """Records of one till, in order."""

    def __init__(self) -> None:
        self.items: list[Item] = []

    def add(self, topic: Topic, value: dict[str, Any] | str, decided: Decided = Decided.NOT_YET) -> Said:
        place = (topic.name, 0, len(self.items))
        if isinstance(value, str):
            self.items.append(Item(place, decided, value, b"?"))
            return self
        whole = json.dumps({"occurred_at": AT} | value).encode()
        self.items.append(Item(place, decided, hear(topic, b"till", (), whole, None), whole))
        return self

    def purchase(self, receipt: str, card: str | None, pence: int = 500, decided: Decided = Decided.NOT_YET) -> Said:
        value: dict[str, Any] = {"type": "purchase", "id": receipt, "currency": "GBP", "total_minor": pence}
        value["lines"] = [{"item": "tea", "total_minor": pence}]
        return self.add(PURCHASES, value | ({} if card is None else {"identifier": shown(card)}), decided)

    def returned(self, name: str, receipt: str | None, card: str | None, pence: int = 500) -> Said:
        value: dict[str, Any] = {"type": "return", "id": name, "currency": "GBP", "total_minor": pence}
        value |= {"lines": [{"item": "tea", "total_minor": pence}], "purchase": receipt}
        return self.add(PURCHASES, value | ({} if card is None else {"identifier": shown(card)}))

    def added(self, fact: str, card: str, new: str) -> Said:
        return self.add(
            ENROLMENTS, {"type": "identifier_added", "id": fact, "identifier": shown(card), "added": shown(new)}
        )

    def enrolled(self, fact: str, card: str, by: str, decided: Decided = Decided.NOT_YET) -> Said:
        value = {"type": "enrolled", "id": fact, "identifier": shown(card), "referrer": shown(by)}
        return self.add(ENROLMENTS, value, decided)

    def claim(self, receipt: str, card: str, name: str = "c1", decided: Decided = Decided.NOT_YET) -> Said:
        value = {"type": "receipt_claimed", "id": name, "identifier": shown(card), "receipt": receipt}
        return self.add(PURCHASES, value, decided)

    def plan(self, members: dict[Key, str] | None = None, known: dict[str, list[Revision]] | None = None) -> Plan:
        numbers = itertools.count(1)
        return walk(self.items, members or {}, known or {}, lambda: f"mem_{next(numbers)}")


def shown(card: str) -> dict[str, str]:
    return {"scheme": "card", "value": card}


def facts(plan: Plan) -> list[tuple[str, str, str, int]]:
    return [(fact.type, fact.id, fact.member, fact.revision) for _, fact in plan.facts]


def acts(plan: Plan) -> dict[Act, int]:
    total: dict[Act, int] = {}
    for (_, act), count in plan.acts.items():
        total[act] = total.get(act, 0) + count
    return total


class Directory:
    """Of dictionaries, beside the journal that its batches have written."""

    def __init__(self, members: dict[Key, str] | None = None) -> None:
        self.members = members or {}
        self.revisions: dict[str, list[Revision]] = {}
        self.journal: dict[tuple[str, int], bytes] = {}
        self.parked: dict[Place, str] = {}
        self._drawn = 0

    def take(self, items: Sequence[Item], decided: Decided | None = None, *, produce: bool = True) -> Plan:
        """A batch. What is written to the journal again must be the same bytes."""
        told = items if decided is None else [item._replace(decided=decided) for item in items]
        plan = walk(told, self.members, self.revisions, self._draw)
        self.members |= plan.identities
        for new in plan.revisions.values():
            self.put(new)
        self.parked |= dict(plan.parked)
        for _, fact in plan.facts if produce else ():
            written = encode_fact(fact)
            assert self.journal.setdefault((fact.id, fact.revision), written) == written
        return plan

    def put(self, new: NewRevision) -> None:
        receipt, row = new
        others = [other for other in self.revisions.get(receipt, []) if other.number != row.number]
        self.revisions[receipt] = sorted([*others, row])

    def _draw(self) -> str:
        self._drawn += 1
        return f"mem_{self._drawn}"
