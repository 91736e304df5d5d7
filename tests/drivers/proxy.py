"""A proxy before Kafka or PostgreSQL that loses replies: the request arrives and is done, its answer never comes back.

    KafkaWire      cuts a connection after a produce request, when the broker has answered it
    PostgresWire   cuts a session after a commit, when the server has answered it

What it cannot show: a network that is cut on one side only, or that delays.
"""

from __future__ import annotations

import asyncio
import contextlib
import struct
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Protocol

PRODUCE = 0
"""Kafka's key of that request."""


class Wire(Protocol):
    """What one connection says in one protocol: a frame is cut from the stream, and looked at before it goes on."""

    client: str
    """Who speaks, once a first request was read."""

    async def request(self, reader: asyncio.StreamReader) -> tuple[bytes, bool]:
        """The next frame of the client; and whether it is a request whose reply may be lost."""

    async def reply(self, reader: asyncio.StreamReader) -> tuple[bytes, bool]:
        """The next frame of the server; and whether it answers the request that `lose` named."""

    def lose(self) -> None:
        """The request just read is to have no answer."""


class KafkaWire:
    """Frames have their length before them; a reply names the request by its correlation id."""

    def __init__(self) -> None:
        self.client = ""
        self._last = -1
        self._lost = -1

    async def request(self, reader: asyncio.StreamReader) -> tuple[bytes, bool]:
        frame = await _sized(reader)
        key, _, self._last, size = struct.unpack_from(">hhih", frame, 4)
        self.client = frame[14 : 14 + size].decode()
        return frame, key == PRODUCE

    async def reply(self, reader: asyncio.StreamReader) -> tuple[bytes, bool]:
        frame = await _sized(reader)
        return frame, struct.unpack_from(">i", frame, 4)[0] == self._lost

    def lose(self) -> None:
        self._lost = self._last


class PostgresWire:
    """A session's first frame has no type; a commit is a simple query, and its answer a CommandComplete."""

    def __init__(self, client: str) -> None:
        self.client = client
        self._began = False
        self._losing = False

    async def request(self, reader: asyncio.StreamReader) -> tuple[bytes, bool]:
        if not self._began:
            self._began = True
            return await _sized(reader, inclusive=True), False
        frame = await reader.readexactly(1) + await _sized(reader, inclusive=True)
        return frame, frame[:1] == b"Q" and frame[5:].lower().startswith(b"commit")

    async def reply(self, reader: asyncio.StreamReader) -> tuple[bytes, bool]:
        frame = await reader.readexactly(1) + await _sized(reader, inclusive=True)
        return frame, self._losing and frame[:1] == b"C"

    def lose(self) -> None:
        self._losing = True


async def _sized(reader: asyncio.StreamReader, *, inclusive: bool = False) -> bytes:
    """Four bytes of length (counting themselves, or not) and what follows."""
    head = await reader.readexactly(4)
    return head + await reader.readexactly(struct.unpack(">i", head)[0] - (4 if inclusive else 0))


class Proxy:
    """Loses the reply of every `every`-th request that may lose one, up to `most` for each client."""

    def __init__(self, port: int, wire: Callable[[], Wire], every: int, most: int) -> None:
        """port: the server's. wire: makes one for a connection."""
        self.lost: Counter[str] = Counter()
        """Client -> replies that it did not get."""
        self._port = port
        self._wire = wire
        self._every = every
        self._most = most
        self._seen: Counter[str] = Counter()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, until either side ends it or a reply is lost."""
        try:
            inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", self._port)
        except OSError:
            writer.transport.abort()
            return
        wire = self._wire()
        ways = [
            asyncio.ensure_future(self._requests(wire, reader, inner_writer)),
            asyncio.ensure_future(self._replies(wire, inner_reader, writer)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            for end in (writer, inner_writer):
                end.transport.abort()

    async def _requests(self, wire: Wire, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            frame, losable = await wire.request(reader)
            if losable and self.lost[wire.client] < self._most:
                self._seen[wire.client] += 1
                if self._seen[wire.client] % self._every == 0:
                    wire.lose()
            writer.write(frame)
            await writer.drain()

    async def _replies(self, wire: Wire, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            frame, lost = await wire.reply(reader)
            if lost:
                self.lost[wire.client] += 1
                return
            writer.write(frame)
            await writer.drain()


@asynccontextmanager
async def proxied(proxy: Proxy, port: int = 0) -> AsyncIterator[int]:
    """The proxy at work; gives the port that it listens on (0: a free one)."""
    connections: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        connections.add(task)
        with contextlib.suppress(ConnectionError, asyncio.CancelledError):
            await proxy.serve(reader, writer)
        connections.discard(task)

    server = await asyncio.start_server(connected, "127.0.0.1", port, limit=1 << 24)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in list(connections):
            task.cancel()
        await asyncio.gather(*connections, return_exceptions=True)
