"""Every worked case that was wanted has a file that shows it, and docs/conformance.md says which."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.conformance.pack import CASES

PAGE = Path(__file__).parents[2] / "docs" / "conformance.md"

WANTED: dict[int | str, str] = {
    1: "partial return of partly spent points",
    2: "return of a basket paid partly in points",
    3: "expiry at the boundary on the day the clock changes",
    4: "month arithmetic",
    5: "a late offline sale changes the tier backwards",
    7: "return after the points expired",
    9: "rounding per line or basket",
    10: "tax and excluded items",
    11: "a redemption races expiry and another",
    12: "merge",
    15: "earning in debt",
    16: "a household and one who leaves",
    19: "pending, return, year end",
    20: "coalition: points of one partner, spent at another",
    23: "erasure, then a return",
    "other-content": "a duplicate till upload with other content",
    "cancelled-redemption": "cancelling a redemption whose lot has lapsed: original expiry, grace, re-issue",
    "reversed-qualification": "a level whose qualification is reversed by a return: strict, protected",
    "rolling-year": "rolling twelve months with grace",
    "transfer": "transfer keeping expiry, with a fee",
    "daily-cap": "a daily cap by the store's local day",
    "rule-change": "a rule change between sale, late arrival and return",
    "threshold-voucher": "a threshold voucher taken back by a return: unused, used",
}
"""Fifteen that came with their numbers (those between were never told), and eight of which the numbers are our own."""

LEAST = {1: 3, 4: 2, 10: 3, 11: 2, 19: 3, 20: 2, "cancelled-redemption": 3, "reversed-qualification": 2} | {
    "threshold-voucher": 2
}
"""Files of a case that is told in several: one a policy, or an end."""


def shown() -> dict[int | str, list[str]]:
    """Worked case -> the files that show it, or a part of it."""
    found: dict[int | str, list[str]] = {}
    for file in sorted(CASES.glob("*.yaml")):
        for case in yaml.safe_load(file.read_text()).get("reproduces", []):
            found.setdefault(case, []).append(file.stem)
    return found


def test_every_worked_case_is_shown_and_nothing_else_is_said_to_be() -> None:
    assert set(shown()) == set(WANTED)


@pytest.mark.parametrize("case", WANTED)
def test_a_case_of_several_policies_has_a_file_for_each(case: int | str) -> None:
    assert len(shown()[case]) >= LEAST.get(case, 1)


def test_the_page_has_the_table() -> None:
    files = shown()
    table = "\n".join(
        f"| {case} | {title} | {', '.join(f'`{name}`' for name in files[case])} |" for case, title in WANTED.items()
    )
    assert table in PAGE.read_text(), f"docs/conformance.md, under its head:\n{table}"
