"""An entry and what happened, in a clerk's words. Pure: tables of sentences, and dates of the programme's zone.

Owns words only. What moved is services/book/retold.py's, and the order of telling is story.py's.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from events.entries import Account, Entry
from events.facts.messages import ID as MESSAGE
from events.refusals import Refusal
from events.values import millis
from services.book.messages import CONTRIBUTION, GIVEN_BACK, TRANSFER
from services.book.turn import lot_of
from services.programme.calendar import NEVER
from services.programme.mechanic import POINTS
from services.programme.words import amount, decimal
from services.programme.zones import zone_of
from services.workbench.explain.rules import Share

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
"""By (debit, credit). What is not here only a late fact, a merge or somebody forgotten brings about: it is said with
what the points were and what they are."""

_WERE: dict[Account, str] = {
    "issued": "earned",
    "lot": "of {lot}",
    "debt": "owed from now on",
    "written_off": "written off, owed by nobody",
    "held": "that were reserved",
    "spent": "that were spent",
    "expired": "that had ended unused",
    "reversed": "that were taken back",
    "transferred": "that were given to another account",
    "fee": "that were kept as the fee of a transfer",
    "forfeited": "that had ended with the person who is forgotten",
    "moved": "that left another lot",
}
_ARE: dict[Account, str] = {
    "issued": "not earned after all",
    "lot": "in {lot}",
    "debt": "owed no longer",
    "written_off": "not written off after all",
    "held": "reserved",
    "spent": "spent",
    "expired": "ended unused",
    "reversed": "taken back",
    "transferred": "given to another account",
    "fee": "kept as the fee of a transfer",
    "forfeited": "ended with the person who is forgotten",
    "moved": "in another lot",
}
_GIVEN: dict[Account, str] = {
    "issued": "",
    "spent": " given back",
    "held": " no longer reserved",
    "transferred": " from another account",
}
"""How points came into a lot."""

_FACTS = {
    "purchase": "bought with receipt {id}{place}",
    "correction": "receipt {id} corrected{place}",
    "return": "goods brought back with {id}{of}{place}",
    "enrolled": "joined{brought}{place}",
    "identifier_added": "one more {scheme} leads here ({id})",
    "status_set": "from now on {status}{value}{until} ({id}){place}",
    "status_ended": "no longer {status} ({id}){place}",
    "adjusted": "adjusted by hand ({id}) by {actor}: {reason}",
    "redemption_requested": "points asked for ({id}){place}",
    "redemption_taken": "points taken by a till that could not ask ({id}){place}",
    "redemption_captured": "redemption {redemption} captured ({id}){place}",
    "redemption_voided": "redemption {redemption} cancelled ({id}){place}",
    "deed": "{what} ({id}){place}",
    "price_found": "{item}{of} found cheaper elsewhere ({id}): {evidence}",
    "used": "{what} used ({id}){place}",
    "transfer_requested": "points given to {to} ({id}){place}",
    "contribution_requested": "points put into the pool {pool} ({id}){place}",
    "pool_joined": "{who} shares it from now on ({id})",
    "pool_left": "{who} shares it no longer ({id})",
    "erased": "the person is forgotten ({id}): {reason}",
}
"""By type; messages have their own words, and so have merges."""
_MESSAGES = {
    TRANSFER: "{sender} gave points{by}",
    CONTRIBUTION: "{sender} put points into the pool{by}",
    GIVEN_BACK: "the pool {sender} gave points back{by}",
}
"""By what gave; else it is a rule."""
_NAMED = (
    *("id", "actor", "reason", "redemption", "what", "item", "evidence", "scheme", "status"),
    *("sender", "cause", "to", "pool", "who"),
)
MERGES = {
    "gone": "found to be the same person as {other} ({by}): what there was, and what comes later, is told there",
    "came": "{other} is found to be the same person ({by}): what was told there is told here",
    "let go": "{other} is another person after all ({by}): what is theirs is told there again",
    "home": "not the same person as {other} after all ({by}): what is this one's is told here again",
}
_REFUSALS = {
    Refusal.MEMBER_MUST_NOT_BE_ERASED: "the person is forgotten",
    Refusal.MERGE_MUST_NOT_GO_ROUND: "an account cannot be merged into itself or into one that came to it",
    Refusal.MEMBER_MUST_NOT_BE_MERGED: "the account is merged into another one already",
    Refusal.MEMBER_MUST_BE_MERGED: "the account is merged into no other",
    Refusal.CURRENCY_MUST_BE_THE_PROGRAMMES: "the programme knows no such currency",
    Refusal.RETURN_MUST_NOT_EXCEED_THE_PURCHASE: "more came back than was bought",
    Refusal.REDEMPTION_MUST_BE_KNOWN: "there is no such redemption",
    Refusal.REDEMPTION_MUST_BE_OPEN: "the points are reserved no longer",
    Refusal.CAPTURE_MUST_NOT_EXCEED_THE_HOLD: "more was to be captured than is reserved",
    Refusal.VOID_MUST_NOT_EXCEED_THE_REDEMPTION: "more was to be cancelled than was redeemed",
    Refusal.HOLD_MUST_END_AFTER_IT_BEGINS: "the reservation was to end before it begins",
    Refusal.TRANSFER_MUST_GO_TO_ANOTHER: "an account gives nothing to itself",
    Refusal.POOL_MUST_NOT_SHARE_ITSELF: "a pool does not share itself",
    Refusal.POOL_MUST_BE_SHARED: "who leaves does not share the pool",
    Refusal.DEBT_MUST_BE_REPAID_FIRST: "what is owed must be repaid first",
    Refusal.BALANCE_MUST_COVER_THE_POINTS: "there are not so many points",
}


def date(at_ms: int, zone: str) -> str:
    """Day and time in the programme's zone; with seconds only where there are any."""
    at = datetime.fromtimestamp(at_ms / 1000, zone_of(zone))
    return at.strftime("%-d %b %Y %H:%M:%S" if at.second else "%-d %b %Y %H:%M")


def day(at_ms: int, zone: str) -> str:
    """The last day on which what ends at an exclusive instant can be used."""
    return "for ever" if at_ms >= NEVER else "to " + date(at_ms - 1, zone).rsplit(" ", 1)[0]


def entry_words(entry: Entry, rules: Sequence[Share], decimals: int, zone: str) -> str:
    """One sentence without its end; `rules`: those of the entry, with their parts of it."""
    sentence = _ENTRIES.get((entry.debit, entry.credit))
    if sentence is None:
        sentence = f"{{points}} {_WERE[entry.debit]}: {_ARE[entry.credit]}"
    lot = lot_words(entry.lot, zone) if entry.lot else "none"
    said = sentence.format(points=amount(entry.points, POINTS, decimals), lot=lot)
    given = ", ".join(f"{share.rule} {signed(share.points, decimals)}" for share in rules)
    return f"{said} ({given})" if given else said


def given_words(debit: Account) -> str:
    """How points came into a lot, to stand behind them."""
    return _GIVEN.get(debit, f" {_WERE[debit]}")


def became_words(debit: Account, credit: Account) -> str:
    """What became of a lot's points, to stand behind them."""
    is_ = "for what was owed" if credit == "debt" else _ARE[credit]
    return is_ if debit == "lot" else f"{_WERE[debit]}: {is_}"


def refusal_words(refusal: Refusal) -> str:
    """Why something had no effect."""
    return _REFUSALS[refusal]


def signed(points: int, decimals: int) -> str:
    """Points given or taken, in smallest units: "+1.5"."""
    return ("+" if points >= 0 else "") + decimal(points, decimals)


def lot_words(lot: str, zone: str) -> str:
    """Which points those are."""
    expires, earned, _, slot = lot_of(lot)
    return f"the points {slot} of {date(earned, zone).rsplit(' ', 1)[0]}, good {day(expires, zone)}"


def time_words(version: str | None) -> str:
    """What no fact did; `version`: of the programme, which took over what rules had counted."""
    return "time passed" if version is None else f"version {version} of the programme began"


def sent_words(sender: str, cause: str) -> str:
    """Who gave what came by message, and by which fact; that a pool was itself given something has no name for a
    clerk."""
    return sender if cause.startswith(MESSAGE) else f"{cause} of {sender}"


def fact_words(fact: Any, zone: str) -> str:
    """What a fact was."""
    if fact.type == "message":
        said = _MESSAGES.get(fact.rule, "{rule} gave for {sent}")
        by = "" if fact.cause.startswith(MESSAGE) else f" ({fact.cause})"
        sent = sent_words(fact.sender, fact.cause)
        return said.format(rule=fact.rule.rpartition("@")[0], sender=fact.sender, by=by, sent=sent)
    values = {name: getattr(fact, name, "") for name in _NAMED}
    purchase, store, partner, referrer, value, until = (
        getattr(fact, name, None) for name in ("purchase", "store", "partner", "referrer", "value", "until")
    )
    of = f" of receipt {purchase}" if purchase else " without a receipt" if fact.type == "return" else ""
    place = (f" at {store}" if store else "") + (f" ({partner})" if partner else "")
    brought = f", brought by {referrer}" if referrer else ""
    value = f" {value}" if value else ""
    until = f", until {date(millis(until), zone)}" if until else ""
    return _FACTS[fact.type].format(**values, of=of, place=place, brought=brought, value=value, until=until)
