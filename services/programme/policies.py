"""What a programme says beside its rules: of returns, redemptions, stores, transfers, and how long a fact may be late.

Owns these parts of the programme file and their defaults. What they do is the book's (services/book), which reads them
off the compiled version.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, field_validator, model_validator

from events.model import Model
from events.values import Code
from services.programme.zones import NAMES

LATE_DAYS_MAX = 366

Shortfall = Literal["debt", "write_off", "source_lot"]
"""What becomes of points that goods take back and that are spent already."""


class Closed(Model):
    """A part of the file: a key that we do not know is a fault, never passed over."""

    model_config = ConfigDict(extra="forbid")


def known_zone(zone: str) -> str:
    """The name, if it is one. Raises ValueError."""
    if zone not in NAMES:
        raise ValueError(f"{zone[:40]!r} is not an IANA time zone; write for example Europe/London")
    return zone


def once(what: str, names: list[str]) -> None:
    """Raises ValueError where a name stands twice."""
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"{what} {', '.join(twice)} stands twice; every {what} needs a name of its own")


class Returns(Closed):
    """What goods that come back take with them."""

    policy: Literal["protected", "strict"] = "protected"
    """protected: later purchases keep what a level gave them; strict: they are rated as if the goods had never gone."""
    shortfall: Shortfall = "debt"
    """Points that are spent already: owed; written off beyond the balance; or taken from their own lot alone."""


class Redemptions(Closed):
    """What becomes of points that a cancelled redemption gives back, and of captures that come after their hold."""

    after_expiry: Literal["original", "grace", "reissue"] = "original"
    """Of a lot that has ended meanwhile: ended too; a lot of grace_days; a lot as if earned at the cancellation."""
    grace_days: Annotated[int, Field(ge=1, le=3660)] | None = None
    """How long such a lot lasts, with after_expiry: grace."""
    late_capture: Literal["book", "refuse"] = "book"
    """A capture after its hold has lapsed: booked, in debt if need be, since the discount was given; or refused."""

    @model_validator(mode="after")
    def _grace(self) -> Redemptions:
        if (self.after_expiry == "grace") != (self.grace_days is not None):
            raise ValueError("after_expiry: grace and grace_days go together; write for how many days the points last")
        return self


class Store(Closed):
    """A store whose day is not the programme's, or of which conditions ask the region."""

    zone: str | None = None
    """IANA name; None: the programme's."""
    region: Code | None = None

    @field_validator("zone")
    @classmethod
    def _known(cls, zone: str | None) -> str | None:
        return None if zone is None else known_zone(zone)

    @model_validator(mode="after")
    def _some(self) -> Store:
        if self.zone is None and self.region is None:
            raise ValueError("write its zone, its region or both; a store with neither need not stand here")
        return self


class Transfers(Closed):
    """Points given to another member."""

    fee_percent: Annotated[int, Field(ge=0, le=100)] = 0
    """Share of the points that is kept, rounded down."""
