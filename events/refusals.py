"""Refusals: every no that the business may say, in order of precedence, each saying what must hold.

A refusal is a value that the asker sees, never an exception. `retry_could_differ` says whether the same request,
sent later under a new id, might be answered otherwise.
"""

from __future__ import annotations

from enum import Enum


class Refusal(Enum):
    """Ordered: where several would hold, the first is given."""

    MEMBER_MUST_NOT_BE_ERASED = ("member_must_not_be_erased", False)
    MERGE_MUST_NOT_GO_ROUND = ("merge_must_not_go_round", False)
    MEMBER_MUST_NOT_BE_MERGED = ("member_must_not_be_merged", False)
    MEMBER_MUST_BE_MERGED = ("member_must_be_merged", True)
    CURRENCY_MUST_BE_THE_PROGRAMMES = ("currency_must_be_the_programmes", False)
    RETURN_MUST_NOT_EXCEED_THE_PURCHASE = ("return_must_not_exceed_the_purchase", False)
    REDEMPTION_MUST_BE_KNOWN = ("redemption_must_be_known", True)
    REDEMPTION_MUST_BE_OPEN = ("redemption_must_be_open", False)
    CAPTURE_MUST_NOT_EXCEED_THE_HOLD = ("capture_must_not_exceed_the_hold", False)
    VOID_MUST_NOT_EXCEED_THE_REDEMPTION = ("void_must_not_exceed_the_redemption", False)
    HOLD_MUST_END_AFTER_IT_BEGINS = ("hold_must_end_after_it_begins", False)
    TRANSFER_MUST_GO_TO_ANOTHER = ("transfer_must_go_to_another", False)
    POOL_MUST_NOT_SHARE_ITSELF = ("pool_must_not_share_itself", False)
    POOL_MUST_BE_SHARED = ("pool_must_be_shared", True)
    DEBT_MUST_BE_REPAID_FIRST = ("debt_must_be_repaid_first", True)
    BALANCE_MUST_COVER_THE_POINTS = ("balance_must_cover_the_points", True)

    def __init__(self, text: str, retry_could_differ: bool) -> None:
        self.text = text
        self.retry_could_differ = retry_could_differ


REFUSALS = {refusal.text: refusal for refusal in Refusal}
"""By their published text."""
