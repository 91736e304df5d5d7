"""The chart of accounts: where points can be. Every entry moves points from one of these to another.

The programme's side: `issued` gives every point there is; `spent`, `expired` and `reversed` are where points end;
`written_off` gives what was taken back and is owed by nobody.
The member's side: `lot` (points granted together, with one expiry), `held`, and `debt`, which counts against the lots.
"""

from __future__ import annotations

from typing import Final

from events.entries import Account

ISSUED: Final[Account] = "issued"
LOT: Final[Account] = "lot"
DEBT: Final[Account] = "debt"
WRITTEN_OFF: Final[Account] = "written_off"
HELD: Final[Account] = "held"
SPENT: Final[Account] = "spent"
EXPIRED: Final[Account] = "expired"
REVERSED: Final[Account] = "reversed"
MOVED: Final[Account] = "moved"
TRANSFERRED: Final[Account] = "transferred"
FEE: Final[Account] = "fee"
FORFEITED: Final[Account] = "forfeited"

MEANING: Final[dict[Account, str]] = {
    ISSUED: "points granted, from the programme",
    LOT: "a member's points with one earning instant and one expiry",
    DEBT: "points a member owes: taken back or spent beyond the lots",
    WRITTEN_OFF: "points of goods that came back, spent already and given up",
    HELD: "points reserved for a redemption",
    SPENT: "points exchanged for a reward",
    EXPIRED: "points that ended unused (breakage)",
    REVERSED: "points taken back because the goods came back",
    TRANSFERRED: "points given to other accounts less those from them: over the house, what is on its way",
    FEE: "points kept of what was transferred",
    FORFEITED: "points of a person who is forgotten, less what was owed",
    MOVED: "points on their way from one lot to another, after a late fact; empty after every fact",
}
"""In a clerk's words; printed by docs and explain."""
