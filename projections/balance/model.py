"""Read model `balance`, put together."""

from __future__ import annotations

from pathlib import Path

from events.topics import ENTRIES
from infra.postgres.queries import load
from infra.runner.model import ReadModel
from projections.balance.fold import Balance, fold, touched
from projections.once import decode

MODEL = ReadModel(
    name="balance",
    topic=ENTRIES.name,
    decode=decode,
    row=Balance,
    touched=touched,
    fold=fold,
    queries=load(Path(__file__).parent),
)
