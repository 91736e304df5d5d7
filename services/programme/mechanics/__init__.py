"""Every mechanic, by the key that stands for it in the programme file. One file each."""

from __future__ import annotations

from services.programme.mechanic import Mechanic
from services.programme.mechanics.share import Share

MECHANICS: dict[str, type[Mechanic]] = {"share": Share}
