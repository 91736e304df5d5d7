"""A member's other currencies: an account each, kept by the same book as the regular points, beside them.

A purse is a small member of its own inside its owner's row: lots, holds, debt, sums. Its cold rows stand under the
owner's, each key with the currency before it; its entries are posted to an account of its own, `member~currency`. Owns
the way from the one to the other. Does not own what points do (services/book/lots.py, redemptions.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from services.book.member import Member, new
from services.book.turn import Cold, ColdKey, Turn

SEPARATOR = "~"
"""Between a member and a currency in the name of an account. No id of a member has it."""


def account(member: str, currency: str) -> str:
    """The name of a member's account in a currency."""
    return f"{member}{SEPARATOR}{currency}"


def purse_of(member: Member, currency: str) -> Member:
    """The purse as it is; one with nothing in it, which the member does not keep, where there is none."""
    return member.purses.get(currency) or new(account(member.id, currency))


def key_of(currency: str, key: ColdKey) -> ColdKey:
    """Where a purse's cold row stands among its owner's."""
    return key[0], f"{currency}!{key[1]}"


class PurseTurn(Turn):
    """What a turn of the owner does to one purse."""

    __slots__ = ("_currency", "_of")

    def __init__(self, of: Turn, currency: str) -> None:
        purse = of.member.purses[currency] = purse_of(of.member, currency)
        super().__init__(purse, of.cause, of.cold)
        self._of, self._currency = of, currency

    def row(self, key: ColdKey) -> bytes | None:
        return self._of.row(key_of(self._currency, key))

    def knows(self, key: ColdKey) -> bool:
        return self._of.knows(key_of(self._currency, key))

    def write(self, kind: str, key: str, value: Any) -> None:
        self._of.write(*key_of(self._currency, (kind, key)), value)


class Rows(Mapping[ColdKey, "bytes | None"]):
    """The cold rows of one purse, as its own."""

    def __init__(self, cold: Cold, currency: str) -> None:
        self._cold, self._currency = cold, currency

    def __getitem__(self, key: ColdKey) -> bytes | None:
        return self._cold[key_of(self._currency, key)]

    def __contains__(self, key: object) -> bool:
        return isinstance(key, tuple) and key_of(self._currency, key) in self._cold

    def __iter__(self) -> Iterator[ColdKey]:
        mine = f"{self._currency}!"
        return ((kind, key.removeprefix(mine)) for kind, key in self._cold if key.startswith(mine))

    def __len__(self) -> int:
        return sum(1 for _ in self)
