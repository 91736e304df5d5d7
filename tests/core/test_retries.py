"""The header of a record that brings a parked one again."""

from __future__ import annotations

import pytest

from events.retries import retry_header, retry_of


def test_the_header_names_the_first_record() -> None:
    assert retry_of([("ce_type", b"x"), retry_header(17)]) == 17


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [("ce_type", b"17")],
        [("retry_of", b"17"), ("ce_type", b"x")],  # not the last one: not ours
        [("retry_of", b"")],
        [("retry_of", b"-1")],
        [("retry_of", b"\xff")],
        [("retry_of", "٣".encode())],
        [("retry_of", b"9" * 19)],
    ],
)
def test_anything_else_is_a_record_of_its_own(headers: list[tuple[str, bytes]]) -> None:
    assert retry_of(headers) is None
