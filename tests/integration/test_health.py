"""The endpoint of every process, over a real socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit

import pytest
from pydantic import SecretStr

from infra import answering
from infra.health import Health, serve
from infra.metrics import Registry
from infra.settings import Settings


def settings() -> Settings:
    return Settings(kafka_bootstrap_servers="127.0.0.1:1", database_url="postgresql://a:b@127.0.0.1:1/c")


async def ask(port: int, request: str) -> tuple[int, str, str]:
    """Status, head and body of the answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request.encode())
    head, _, body = (await reader.read()).decode().partition("\r\n\r\n")
    writer.close()
    return int(head.split(" ")[1]), head, body


def get(path: str) -> str:
    return f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n"


async def test_readiness_is_what_the_parts_say() -> None:
    health = Health()
    served = await serve(settings(), health, Registry())
    try:
        assert await ask(served.port, get("/readyz")) == (503, *(await ask(served.port, get("/readyz")))[1:])
        assert (await ask(served.port, get("/livez")))[0] == 200
        health.set_ready("consumer", True)
        health.set_ready("database", False, "it does not answer")
        status, _, body = await ask(served.port, get("/readyz"))
        assert (status, body) == (503, "consumer: ready\ndatabase: not ready (it does not answer)\n")
        health.set_ready("database", True)
        assert (await ask(served.port, get("/readyz?verbose")))[0] == 200
    finally:
        await served.close()


async def test_metrics_are_named_for_us() -> None:
    registry = Registry()
    registry.counter("facts_total", "Facts rated", "partition").labels("3").inc(2)
    registry.histogram("commit_seconds", "How long a commit took").observe(0.004)
    registry.gauge("lag_records", "Records behind").set(7)
    served = await serve(settings(), Health(), registry)
    try:
        status, head, body = await ask(served.port, get("/metrics"))
    finally:
        await served.close()
    assert status == 200
    assert "text/plain; version=0.0.4" in head
    assert 'tallystick_facts_total{partition="3"} 2.0' in body
    assert 'tallystick_commit_seconds_bucket{le="0.005"} 1.0' in body
    assert "tallystick_lag_records 7.0" in body
    assert "process_resident_memory_bytes" in body


@pytest.mark.parametrize(
    ("request_text", "status"),
    [(get("/"), 404), ("POST /livez HTTP/1.1\r\n\r\n", 405), ("HEAD /livez HTTP/1.1\r\n\r\n", 200)],
)
async def test_other_requests(request_text: str, status: int) -> None:
    served = await serve(settings(), Health(), Registry())
    try:
        assert (await ask(served.port, request_text))[0] == status
    finally:
        await served.close()


async def test_nonsense_is_hung_up_on_and_does_no_harm() -> None:
    served = await serve(settings(), Health(), Registry())
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
        writer.write(b"\x16\x03\x01 this is not HTTP\r\n\r\n")
        assert await reader.read() == b""
        writer.close()
        assert (await ask(served.port, get("/livez")))[0] == 200
    finally:
        await served.close()


class Relay:
    """Stands between a client and a server of this machine; while `passing` is not set it is as a frozen server."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.port = 0
        self.passing = asyncio.Event()
        self.passing.set()
        self._pipes: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        server = await asyncio.start_server(self._joined, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield
        finally:
            server.close()
            for pipe in self._pipes:
                pipe.cancel()
            await asyncio.gather(*self._pipes, return_exceptions=True)

    async def _joined(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        theirs, ours = await asyncio.open_connection("127.0.0.1", self._port)
        for source, target in ((reader, ours), (theirs, writer)):
            self._pipes.add(asyncio.create_task(self._pipe(source, target)))

    async def _pipe(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        try:
            while data := await source.read(65536):
                await self.passing.wait()
                target.write(data)
        finally:
            target.close()
            with suppress(OSError):
                await target.wait_closed()


async def reports(health: Health, line: str) -> None:
    async with asyncio.timeout(30):
        while line not in health.report():  # noqa: ASYNC110  # the watch sends no event
            await asyncio.sleep(0.02)


async def test_an_idle_process_shows_a_server_that_stands_still_and_its_return(
    house: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answering, "ASK_SECONDS", 0.05)
    monkeypatch.setattr(answering, "PATIENCE_SECONDS", 0.5)
    url = urlsplit(house.database_url.get_secret_value())
    assert url.port is not None
    relay = Relay(url.port)
    async with relay.open():
        behind = url._replace(netloc=url.netloc.replace(f":{url.port}", f":{relay.port}")).geturl()
        health = Health()
        watching = asyncio.create_task(
            answering.watch(house.model_copy(update={"database_url": SecretStr(behind)}), health)
        )
        try:
            await reports(health, "broker: ready\ndatabase: ready\n")
            relay.passing.clear()
            await reports(health, "broker: ready\ndatabase: not ready (no answer within 0.5 s)\n")
            relay.passing.set()
            await reports(health, "broker: ready\ndatabase: ready\n")
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)


async def test_a_server_that_refuses_in_an_unknown_way_is_not_ready_until_it_answers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(answering, "ASK_SECONDS", 0.05)
    refused = asyncio.Event()

    async def answers(_: object) -> AsyncIterator[None]:
        if not refused.is_set():
            raise RuntimeError("no session is let in just now")
        while True:
            yield

    monkeypatch.setattr(answering, "database_answers", answers)
    monkeypatch.setattr(answering, "broker_answers", answers)
    health = Health()
    watching = asyncio.create_task(answering.watch(settings(), health))
    try:
        await reports(health, "database: not ready (RuntimeError: no session is let in just now)")
        refused.set()
        await reports(health, "broker: ready\ndatabase: ready\n")
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)


async def test_servers_that_are_not_there_are_not_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answering, "ASK_SECONDS", 0.05)
    health = Health()
    watching = asyncio.create_task(answering.watch(settings(), health))
    try:
        await reports(health, "broker: not ready (KafkaConnectionError")
        await reports(health, "database: not ready (ConnectionError: PostgreSQL does not answer at 127.0.0.1:1")
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
