"""What no later version of a programme may change, since balances would mean something else. Pure.

The name of the programme, and the decimals of its points and of each currency: an account holds whole numbers of the
smallest unit, and nobody counts them anew. Does not own what a version may change if it says how (promises.py).
"""

from __future__ import annotations

from collections.abc import Iterator

from services.programme.model import ProgrammeText
from services.programme.written import Path


def not_kept(before: ProgrammeText, after: ProgrammeText) -> Iterator[tuple[Path, str]]:
    """What `after` changes of it: the path in its file, and what to write."""
    if after.programme != before.programme:
        yield ("programme",), f"{before.version} is of {before.programme}; write {before.programme}"
    if after.points_decimals != before.points_decimals:
        yield ("points_decimals",), _other(before.points_decimals, "what members have")
    for name, currency in after.currencies.items():
        was = before.currencies.get(name)
        if was is not None and was.decimals != currency.decimals:
            yield ("currencies", name, "decimals"), _other(was.decimals, f"the {name} that members have")


def _other(decimals: int, what: str) -> str:
    return f"{what} would become another amount; write {decimals}, as it was"
