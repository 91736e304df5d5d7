"""The base of every model that may stand on a topic: frozen, strict, integers only.

A reader is tolerant (unknown fields are passed over, so that a writer may be newer than its reader); the published
schema is closed (events/catalog). No check here looks at two fields at once: those are in events/facts/faults.py, so
that the fast decoder (events/decode.py) and pydantic give the same verdict on every record.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Model(BaseModel):
    """A value on a topic."""

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore")
