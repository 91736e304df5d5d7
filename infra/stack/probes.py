"""When a child counts as ready: a probe is asked again and again until it says yes.

Owns the probe of our own processes. Kafka's and PostgreSQL's stand beside their launchers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

Probe = Callable[[], Awaitable[bool]]

PATIENCE_S = 2.0  # for one answer


def http_ok(host: str, port: int, path: str = "/readyz") -> Probe:
    """Ready when GET path answers 200."""

    async def probe() -> bool:
        try:
            async with asyncio.timeout(PATIENCE_S):
                reader, writer = await asyncio.open_connection(host, port)
                try:
                    writer.write(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
                    status = await reader.readline()
                finally:
                    writer.close()
        except (OSError, TimeoutError):
            return False
        return status.split(b" ")[1:2] == [b"200"]

    return probe
