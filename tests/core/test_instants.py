"""The quick reading of an instant against the calendar of the standard library."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from services.programme.calendar import instant_ms


@pytest.mark.parametrize("year", [1970, 1999, 2000, 2024, 2026, 2100, 2999])
@pytest.mark.parametrize("rest", ["01-01T00:00:00", "02-28T23:59:59", "06-30T09:05:07", "12-31T12:34:56"])
@pytest.mark.parametrize(("fraction", "ms"), [("", 0), (".5", 500), (".05", 50), (".005", 5), (".999", 999)])
def test_an_instant_in_milliseconds(year: int, rest: str, fraction: str, ms: int) -> None:
    whole = datetime.fromisoformat(f"{year}-{rest}").replace(tzinfo=UTC)
    since = whole - datetime(1970, 1, 1, tzinfo=UTC)
    assert instant_ms(f"{year}-{rest}{fraction}Z") == (since.days * 86_400 + since.seconds) * 1000 + ms


@pytest.mark.parametrize(
    "instant",
    [
        *("2026-02-29T00:00:00Z", "2026-04-31T00:00:00Z", "2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z"),
        *("2026-01-01T24:00:00Z", "2026-01-01T23:60:00Z", "2026-01-01T23:59:60Z", "2026-01-00T00:00:00Z"),
    ],
)
def test_there_is_no_such_instant(instant: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        instant_ms(instant)
