"""Read model `tier`, put together."""

from __future__ import annotations

from pathlib import Path

from events.topics import ENTRIES
from infra.postgres.queries import load
from infra.runner.model import ReadModel
from projections.once import decode
from projections.tier.fold import Tier, fold, touched

MODEL = ReadModel(
    name="tier",
    topic=ENTRIES.name,
    decode=decode,
    row=Tier,
    touched=touched,
    fold=fold,
    queries=load(Path(__file__).parent),
)
