"""Every mechanic, by the key that stands for it in the programme file. One file each."""

from __future__ import annotations

from services.programme.mechanic import Mechanic
from services.programme.mechanics.adjustment import Adjustment
from services.programme.mechanics.bonus import Bonus
from services.programme.mechanics.bundle import Bundle
from services.programme.mechanics.cap import Cap
from services.programme.mechanics.daily_cap import DailyCap
from services.programme.mechanics.gift import Gift
from services.programme.mechanics.ladder import Ladder
from services.programme.mechanics.price_guarantee import PriceGuarantee
from services.programme.mechanics.referral import Referral
from services.programme.mechanics.reward import Reward
from services.programme.mechanics.share import Share
from services.programme.mechanics.stamps import Stamps
from services.programme.mechanics.visits import Visits
from services.programme.mechanics.voucher import Voucher
from services.programme.mechanics.welcome import Welcome

MECHANICS: dict[str, type[Mechanic]] = {
    "adjustment": Adjustment,
    "bonus": Bonus,
    "bundle": Bundle,
    "cap": Cap,
    "daily_cap": DailyCap,
    "gift": Gift,
    "ladder": Ladder,
    "price_guarantee": PriceGuarantee,
    "referral": Referral,
    "reward": Reward,
    "share": Share,
    "stamps": Stamps,
    "visits": Visits,
    "voucher": Voucher,
    "welcome": Welcome,
}

ALWAYS = ("adjustment",)
"""In every programme, with its defaults where the file says nothing of it."""
