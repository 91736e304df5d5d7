"""Whose a lot in a pool is: a mark in its slot, which goes with it wherever the book puts it. Pure text."""

from __future__ import annotations

from services.programme.mechanic import Lot

_MARK = "@"
"""Around the owner's id, which never holds one: "@ann@p:till-1:7"."""


def marked(lot: Lot, owner: str) -> Lot:
    """A lot that a member puts into a pool."""
    return (*lot[:3], f"{_MARK}{owner}{_MARK}{bare(lot)[3]}")


def bare(lot: Lot) -> Lot:
    """A lot as it is outside of pools."""
    slot = lot[3]
    return (*lot[:3], slot.split(_MARK, 2)[2]) if slot.startswith(_MARK) else lot


def owner_of(slot: str) -> str:
    """Who put it into the pool; "" where it is the pool's own."""
    return slot.split(_MARK, 2)[1] if slot.startswith(_MARK) else ""
