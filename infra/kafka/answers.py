"""Whether the broker answers just now."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from aiokafka.admin import AIOKafkaAdminClient

from infra.kafka.quirks import mend
from infra.settings import Settings


async def broker_answers(settings: Settings) -> AsyncGenerator[None, None]:
    """A turn each time the broker has told its cluster, on one connection. Raises one of OUTAGE when it does not."""
    mend()
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.kafka_bootstrap_servers)
    try:
        await admin.start()
        while True:
            await admin.describe_cluster()
            yield
    finally:
        await admin.close()
