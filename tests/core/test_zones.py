"""Zones are those of the pinned package, whatever files the machine has."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from services.programme.policies import known_zone
from services.programme.zones import NAMES, zone_of

SAYS = """
from datetime import date
from services.programme.calendar import midnight
print(midnight(date({}).toordinal(), {!r}))
"""
# By the laws of the places: London is an hour ahead in July; Kathmandu 5:45; Apia had no 30 December 2011.
MIDNIGHTS = [
    ("2026,7,1", "Europe/London", "2026-06-30T23:00:00Z"),
    ("2026,1,1", "Europe/London", "2026-01-01T00:00:00Z"),
    ("2026,1,1", "Asia/Kathmandu", "2025-12-31T18:15:00Z"),
    ("2011,12,31", "Pacific/Apia", "2011-12-30T10:00:00Z"),
]


@pytest.mark.parametrize(("day", "zone", "instant"), MIDNIGHTS)
def test_a_machine_with_other_rules_counts_the_same(day: str, zone: str, instant: str, tmp_path: Path) -> None:
    """On the machine's path every zone is Tokyo's."""
    from events.values import millis

    for name in ("Europe/London", "Asia/Kathmandu", "Pacific/Apia"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(_bytes_of("Asia/Tokyo"))
    done = subprocess.run(
        [sys.executable, "-c", SAYS.format(day, zone)],
        env={"PYTHONTZPATH": str(tmp_path), "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert int(done.stdout) == millis(instant)


def _bytes_of(zone: str) -> bytes:
    from importlib.resources import files

    return files("tzdata").joinpath("zoneinfo", *zone.split("/")).read_bytes()


def test_every_zone_can_be_read() -> None:
    assert len(NAMES) > 400
    for name in NAMES:
        assert zone_of(name).key == name


@pytest.mark.parametrize("name", ["Europe/Londres", "localtime", "posixrules", "../../etc/passwd", ""])
def test_no_zone(name: str) -> None:
    with pytest.raises(ValueError, match="is not an IANA time zone"):
        known_zone(name)
