"""What giving points back touches: the rows of redemptions and draws that are undone, and of holds that lapse. Pure.

Points return to the lots that they were taken from, or that repaid their debt: of those that have ended it is breakage,
and its row is read. Does not own the giving back (services/book/lots.py, redemptions.py), nor which facts do it
(needs.py).
"""

from __future__ import annotations

from services.book import redemptions
from services.book.member import Drawing, Drawn, Member, Owed
from services.book.pages import lots_at_hand
from services.book.turn import Cold, ColdKey, lot_id, newest
from services.programme.rate import Award


def given_back(member: Member, to_ms: int, voided: bool, cold: Cold) -> list[ColdKey]:
    """The breakage of lots that points may be given back to after they have ended, by holds that lapse until `to_ms` or
    by a redemption that is voided then: lots that were drawn from, and lots that repay a debt before they end."""
    lapsing = [(name, drawn) for name, (until, drawn) in member.holds.items() if until <= to_ms]
    if not lapsing and not voided:
        return []
    lots = [lot for _, drawn in lapsing for lot, _ in drawn]
    lots += [lot for name, _ in lapsing for lot, _ in member.debts.get(name, (0, 0, ()))[2]]
    if member.debts:
        lots += [lot[:4] for lot in lots_at_hand(member, cold)]
    return [("gone", lot_id(lot)) for lot in lots if lot is not None and lot[0] <= to_ms]


def of_redemption(redemption: str, member: Member, cold: Cold) -> list[ColdKey]:
    """What giving a redemption back touches: its debt, and the breakage of the lots it drew from and was repaid by."""
    if redemption in member.holds:
        cause, drawn = redemption, member.holds[redemption][1]
    else:
        use = newest(cold.get(("use", redemption)), redemptions.Use)
        if use is None:
            return []
        _, cause, drawn = use
    return _of_drawn(drawn, cause, member, cold)


def of_draws(back: list[tuple[str, int]], member: Member, to_ms: int, cold: Cold) -> list[ColdKey]:
    """The draws that are undone, for so many points of their slots, newest first, and what giving them back touches."""
    keys: list[ColdKey] = []
    for slot, (_, last) in member.draws.items():
        number = last
        points = sum(part for of, part in back if of == slot)
        while points > 0 and number:
            keys.append(("draw", f"{slot}.{number}"))
            drawing = newest(cold.get(keys[-1]), Drawing)
            if drawing is None:
                break
            number, cause, drawn = drawing
            points -= sum(part for _, part in drawn)
            keys += _of_drawn(drawn, cause, member, cold)
    return keys + (given_back(member, to_ms, True, cold) if keys else [])


def drawn_out(carried: list[Award], unit: str, member: Member, to_ms: int, cold: Cold) -> list[ColdKey]:
    """What a version draws where it takes cells over, what comes after it may undo, when the lots that it emptied have
    ended: the breakage of all that end by then."""
    if not any(award[1] == unit and award[2][3].startswith("-") and award[3] < 0 for award in carried):
        return []
    return [("gone", lot_id(lot[:4])) for lot in lots_at_hand(member, cold) if lot[0] <= to_ms]


def _of_drawn(drawn: Drawn, cause: str, member: Member, cold: Cold) -> list[ColdKey]:
    """What giving back a draw touches."""
    keys: list[ColdKey] = [("gone", lot_id(lot)) for lot, _ in drawn if lot is not None]
    if any(lot is None for lot, _ in drawn):
        keys.append(("debt", cause))
        owed = member.debts.get(cause) or newest(cold.get(("debt", cause)), Owed)
        keys += [("gone", lot_id(lot)) for lot, _ in (owed[2] if owed else ())]
    return keys
