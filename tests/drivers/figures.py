"""What the fault tests of a run have done in all: kills by process and place, pauses, refusals, events, answers."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from infra.clock import monotonic


@dataclass
class Figures:
    """Counted while the tests run; printed at their end."""

    kills: Counter[tuple[str, str]] = field(default_factory=Counter)
    """(process, place): a failpoint, "any moment", "woken" after a pause."""
    pauses: Counter[tuple[str, str]] = field(default_factory=Counter)
    """The same: stopped past a takeover, and woken."""
    refused: Counter[str] = field(default_factory=Counter)
    """Process -> writes that were refused to one who woke up."""
    records: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    """Facts booked, by type."""
    declined: int = 0
    answers: int = 0
    repeats: int = 0
    """Records that came again on entries.v1, and were dropped by seq."""
    houses: int = 0
    """Recounted, each exact."""
    other: Counter[str] = field(default_factory=Counter)
    """What else was done, in words."""
    began: float = field(default_factory=monotonic)

    def exact(self, report: dict[str, Any]) -> None:
        """A house was recounted (tests/oracles/recount)."""
        self.houses += 1
        self.records += report["records"]
        self.kinds.update(report["facts"])
        self.declined += report["declined"]
        self.answers += report["answers"]
        self.repeats += report["repeats"]

    @property
    def facts(self) -> int:
        """Booked, of all types."""
        return self.kinds.total()

    def add(self, more: Figures) -> None:
        """Take over what another one has counted."""
        for name, value in vars(more).items():
            if name != "began":
                setattr(self, name, getattr(self, name) + value)

    def lines(self) -> list[str]:
        """A table for a person."""
        rows: list[tuple[str, object]] = [("kills", self.kills.total())]
        rows += _by_process(self.kills)
        rows.append(("pauses past a takeover", self.pauses.total()))
        rows += _by_process(self.pauses)
        rows.append(("writes refused to who woke up", self.refused.total()))
        rows += [(f"  {process}", count) for process, count in sorted(self.refused.items())]
        rows += sorted(self.other.items())
        rows += [
            ("records said", self.records),
            ("facts booked", self.facts),
            *((f"  {kind}", count) for kind, count in sorted(self.kinds.items())),
            ("  of them declined", self.declined),
            ("answers received", self.answers),
            ("repeats dropped by seq", self.repeats),
            ("houses recounted, all exact", self.houses),
            ("seconds", round(monotonic() - self.began)),
        ]
        return [f"{name:<48} {value:>9,}" for name, value in rows]

    def line(self) -> str:
        """One JSON object for a script."""
        return json.dumps(
            {
                "kills": _nested(self.kills),
                "pauses": _nested(self.pauses),
                "refused": dict(self.refused),
                "other": dict(self.other),
                "kinds": dict(self.kinds),
                **{name: getattr(self, name) for name in ("records", "facts", "declined", "answers", "repeats")},
                "houses": self.houses,
                "seconds": round(monotonic() - self.began),
            }
        )


def _by_process(counts: Counter[tuple[str, str]]) -> list[tuple[str, object]]:
    rows: list[tuple[str, object]] = []
    for process, places in sorted(_nested(counts).items()):
        rows.append((f"  {process}", sum(places.values())))
        rows += [(f"    {place}", count) for place, count in sorted(places.items())]
    return rows


def _nested(counts: Counter[tuple[str, str]]) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for (process, place), count in counts.items():
        found.setdefault(process, {})[place] = count
    return found
