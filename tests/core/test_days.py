"""The local day of an instant, against the zone's own clock: around midnights, shifts, and a day that never was."""

from __future__ import annotations

from datetime import datetime

import pytest

from events.values import millis
from services.programme.calendar import day_of
from services.programme.zones import zone_of

DAY_MS = 86_400_000
ZONES = [
    "UTC", "Europe/London", "America/New_York", "America/Havana", "America/Sao_Paulo", "Asia/Kathmandu", "Asia/Beirut",
    "Australia/Lord_Howe", "Pacific/Apia", "Pacific/Kiritimati", "Pacific/Pago_Pago", "Africa/Casablanca",
]  # fmt: skip


@pytest.mark.parametrize("zone", ZONES)
def test_the_day_is_the_clocks_day(zone: str) -> None:
    """Every quarter of an hour of a winter (Samoa left out 30 December 2011), and the millisecond before each."""
    clock = zone_of(zone)
    for at_ms in range(millis("2011-10-01T00:00:00Z"), millis("2012-04-15T00:00:00Z"), 900_000):
        for moment in (at_ms - 1, at_ms):
            assert day_of(moment, zone) == datetime.fromtimestamp(moment // 1000, clock).toordinal()
