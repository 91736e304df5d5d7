"""The list of read models."""

from __future__ import annotations

from infra.runner.model import ReadModel
from projections.balance.model import MODEL as BALANCE
from projections.tier.model import MODEL as TIER

MODELS: tuple[ReadModel, ...] = (BALANCE, TIER)
