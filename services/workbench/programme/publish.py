"""Publishing a programme: checked once, then one fact in every partition of the journal.

The fact's id is the version's name, so that publishing the same file again changes nothing.
"""

from __future__ import annotations

from hashlib import sha256

from events.decode import encode_fact
from events.facts.programmes import ID, ProgrammePublished
from events.topics import JOURNAL
from infra.kafka.client import Writer
from infra.settings import Settings
from services.programme.compile import compile_programme
from services.programme.reading import read


async def publish(settings: Settings, text: str, name: str = "programme") -> str:
    """Writes the programme to every partition; returns its version. Raises ProgrammeError, WriteFailed."""
    compile_programme([text], [name])
    programme = read(text, name)
    fact = encode_fact(
        ProgrammePublished(
            id=f"{ID}{programme.version}",
            occurred_at=programme.effective_from,
            text=text,
            sha256=sha256(text.encode()).hexdigest(),
        )
    )
    writer = Writer(settings)
    await writer.start()
    try:
        for partition in range(settings.partitions):
            await writer.write(JOURNAL.name, partition, [(None, fact, ())])
    finally:
        await writer.stop()
    return programme.version
