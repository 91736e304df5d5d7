"""A programme published: its text as a fact, so that a replay needs nothing beside the journal."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from events.facts.fact import AnyFact

ID = "programme:"
"""The ids of published programmes begin so, and no till's may."""


class ProgrammePublished(AnyFact):
    """In force from the instants that the text itself states. The journal holds one per partition."""

    type: Literal["programme_published"] = "programme_published"
    text: Annotated[str, Field(min_length=1, max_length=1_000_000)]
    """The programme file as written (YAML)."""
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    """Of the text's UTF-8 bytes."""
