"""Prints the table of docs/mechanics.md after the tests of this level, with how each row's own went."""

from __future__ import annotations

from typing import Any

from tests.drivers.rows import rows


def pytest_terminal_summary(terminalreporter: Any) -> None:
    went: dict[str, set[str]] = {}
    for outcome in ("passed", "failed", "error"):
        for report in terminalreporter.stats.get(outcome, ()):
            name = report.nodeid.partition("[")[0].rpartition("/")[2]
            went.setdefault(name, set()).add(outcome)
    if not went:
        return
    terminalreporter.section("worked cases by row")
    for row in rows():
        how = went.get(row.test)
        said = "not run" if how is None else "passed" if how == {"passed"} else "FAILED"
        terminalreporter.line(f"{row.name}  {said:<8} {row.number:<28} {row.test}")
