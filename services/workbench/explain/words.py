"""An entry and what happened, in a clerk's words. Pure: tables of sentences, and dates of the programme's zone.

Owns words only. What moved is services/book/retold.py's, and the order of telling is story.py's.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from events.entries import Entry
from services.book.accounts import MEANING
from services.book.turn import lot_of
from services.programme.calendar import NEVER
from services.programme.mechanic import POINTS
from services.programme.words import amount, decimal
from services.programme.zones import zone_of

_ENTRIES: dict[tuple[str, str], str] = {
    ("issued", "lot"): "{points} earned: {lot}",
    ("lot", "spent"): "{points} spent, from {lot}",
    ("lot", "held"): "{points} reserved, from {lot}",
    ("held", "spent"): "{points} of the reserved ones spent, from {lot}",
    ("held", "lot"): "{points} no longer reserved: back in {lot}",
    ("spent", "lot"): "{points} given back to {lot}",
    ("lot", "expired"): "{points} ended unused, of {lot}",
    ("lot", "reversed"): "{points} taken back, from {lot}",
    ("expired", "reversed"): "{points} had ended unused already, of {lot}: now counted as taken back",
    ("written_off", "reversed"): "{points} taken back that are spent already: written off, owed by nobody",
    ("debt", "reversed"): "{points} taken back that are spent already: owed from now on",
    ("debt", "spent"): "{points} spent that were not there: owed from now on",
    ("debt", "held"): "{points} reserved that were not there: owed from now on",
    ("lot", "debt"): "{points} of {lot} repaid what was owed",
    ("spent", "debt"): "{points} are owed no longer",
    ("held", "debt"): "{points} are owed no longer",
    ("lot", "moved"): "{points} leave {lot}",
    ("moved", "lot"): "{points} go to {lot}",
    ("issued", "debt"): "{points} earned that repaid what was owed",
    ("lot", "transferred"): "{points} given to another account, from {lot}",
    ("transferred", "lot"): "{points} came from another account: {lot}",
    ("debt", "transferred"): "{points} given to another account that are not there any more: owed from now on",
    ("lot", "fee"): "{points} kept as the fee of a transfer, from {lot}",
    ("debt", "fee"): "{points} kept as the fee of a transfer that are not there any more: owed from now on",
    ("lot", "forfeited"): "{points} ended with the person who is forgotten, of {lot}",
    ("forfeited", "debt"): "{points} are owed by nobody any more",
    ("spent", "forfeited"): "{points} given back that nobody is there to have",
}
"""By (debit, credit). What is not here is said with the meaning of the two accounts."""

_FACTS = {
    "purchase": "bought with receipt {id}{place}",
    "correction": "receipt {id} corrected{place}",
    "return": "goods brought back with {id}{of}{place}",
    "enrolled": "joined{place}",
    "adjusted": "adjusted by hand ({id}) by {actor}: {reason}",
    "redemption_requested": "points asked for ({id}){place}",
    "redemption_taken": "points taken by a till that could not ask ({id}){place}",
    "redemption_captured": "redemption {redemption} captured ({id}){place}",
    "redemption_voided": "redemption {redemption} cancelled ({id}){place}",
    "deed": "{what} ({id}){place}",
    "price_found": "{item}{of} found cheaper elsewhere ({id}): {evidence}",
    "used": "{what} used ({id}){place}",
    "message": "{rule} of {sender} ({id}), for {cause} there",
    "transfer_requested": "points given to {to} ({id}){place}",
    "contribution_requested": "points put into the pool {pool} ({id}){place}",
    "pool_joined": "{who} shares it from now on ({id})",
    "pool_left": "{who} shares it no longer ({id})",
    "erased": "the person is forgotten ({id}): {reason}",
}
_NAMED = (
    *("id", "actor", "reason", "redemption", "what", "item", "evidence"),
    *("rule", "sender", "cause", "to", "pool", "who"),
)
_AWARD = re.compile(r"^(.+)@(\d+):([+-]\d+)$")


def date(at_ms: int, zone: str) -> str:
    """Day and time in the programme's zone; with seconds only where there are any."""
    at = datetime.fromtimestamp(at_ms / 1000, zone_of(zone))
    return at.strftime("%-d %b %Y %H:%M:%S" if at.second else "%-d %b %Y %H:%M")


def day(at_ms: int, zone: str) -> str:
    """The last day on which what ends at an exclusive instant can be used."""
    return "for ever" if at_ms >= NEVER else "to " + date(at_ms - 1, zone).rsplit(" ", 1)[0]


def awards(why: str) -> list[tuple[str, int, int]]:
    """(rule, revision, points) of an entry's why; () where it names no rules."""
    found = [_AWARD.match(part) for part in why.split(" ")]
    return [(one[1], int(one[2]), int(one[3])) for one in found if one is not None] if all(found) else []


def entry_words(entry: Entry, decimals: int, zone: str) -> str:
    """One sentence without its end."""
    values = {
        "points": amount(entry.points, POINTS, decimals),
        "lot": lot_words(entry.lot, zone) if entry.lot else "none",
    }
    known = _ENTRIES.get((entry.debit, entry.credit))
    if known is not None:
        said = known.format(**values)
    else:
        said = f"{values['points']} from ({MEANING[entry.debit]}) to ({MEANING[entry.credit]})"
    rules = awards(entry.why)
    return said + (
        " (" + ", ".join(f"{rule} {signed(given, decimals)}" for rule, _, given in rules) + ")" if rules else ""
    )


def signed(points: int, decimals: int) -> str:
    """Points given or taken, in smallest units: "+1.5"."""
    return ("+" if points >= 0 else "") + decimal(points, decimals)


def lot_words(lot: str, zone: str) -> str:
    """Which points those are."""
    expires, earned, _, slot = lot_of(lot)
    return f"the points {slot} of {date(earned, zone).rsplit(' ', 1)[0]}, good {day(expires, zone)}"


def fact_words(fact: Any) -> str:
    """What a fact was; None: time passed."""
    if fact is None:
        return "time passed"
    said: str = _FACTS.get(fact.type, fact.type.replace("_", " ") + " ({id}){place}")
    values = {name: getattr(fact, name, "") for name in _NAMED}
    purchase, store, partner = (getattr(fact, name, None) for name in ("purchase", "store", "partner"))
    of = f" of receipt {purchase}" if purchase else " without a receipt" if fact.type == "return" else ""
    place = (f" at {store}" if store else "") + (f" ({partner})" if partner else "")
    return said.format(**values, of=of, place=place)
