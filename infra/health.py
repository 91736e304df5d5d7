"""Whether a process lives and is ready, and the small HTTP server that says so: /livez, /readyz, /metrics.

Owns the three paths. Does not own what "ready" means: each part of a process says that for itself.
"""

from __future__ import annotations

import asyncio
import os
from http import HTTPStatus

from infra.metrics import Registry
from infra.settings import Settings, SettingsError

REQUEST_SECONDS = 5.0
TEXT = "text/plain; charset=utf-8"
METRICS_TEXT = "text/plain; version=0.0.4; charset=utf-8"


class Health:
    """The parts of a process, each ready or not. Ready as a whole: at least one part has spoken, and none says no."""

    def __init__(self) -> None:
        self._unready: dict[str, str] = {}
        self._parts: set[str] = set()

    def set_ready(self, name: str, ok: bool, why: str = "") -> None:
        """A part says how it is; `why` is one clause for the operator when it is not ready."""
        self._parts.add(name)
        if ok:
            self._unready.pop(name, None)
        else:
            self._unready[name] = why

    @property
    def ready(self) -> bool:
        return bool(self._parts) and not self._unready

    def report(self) -> str:
        """A line for each part: `consumer: ready`, `database: not ready (it does not answer)`."""
        lines = [
            f"{name}: not ready ({self._unready[name]})" if name in self._unready else f"{name}: ready"
            for name in sorted(self._parts)
        ]
        return "\n".join(lines or ["starting"]) + "\n"


class Served:
    """The running server. `port` is the one it listens on, also where the setting said 0."""

    def __init__(self, server: asyncio.Server) -> None:
        self._server = server
        self.port: int = server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        self._server.close()
        await self._server.wait_closed()


async def serve(settings: Settings, health: Health, registry: Registry) -> Served:
    """Answer on TALLYSTICK_HTTP_HOST and TALLYSTICK_HTTP_PORT until close(). Raises SettingsError: it cannot be."""

    def page(path: str) -> tuple[HTTPStatus, str, bytes]:
        match path.partition("?")[0]:
            case "/livez":
                return HTTPStatus.OK, TEXT, b"alive\n"
            case "/readyz":
                status = HTTPStatus.OK if health.ready else HTTPStatus.SERVICE_UNAVAILABLE
                return status, TEXT, health.report().encode()
            case "/metrics":
                return HTTPStatus.OK, METRICS_TEXT, registry.text()
            case _:
                return HTTPStatus.NOT_FOUND, TEXT, b"there are /livez, /readyz and /metrics\n"

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(REQUEST_SECONDS):
                method, path = await _request(reader)
                status, kind, body = page(path)
                if method not in ("GET", "HEAD"):
                    status, kind, body = HTTPStatus.METHOD_NOT_ALLOWED, TEXT, b"GET only\n"
                head = f"HTTP/1.1 {status} {status.phrase}\r\nContent-Type: {kind}\r\n"
                head += f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
                writer.write(head.encode() + (b"" if method == "HEAD" else body))
                await writer.drain()
        except (TimeoutError, OSError, ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # a client that went away or does not speak HTTP: nobody to answer
        finally:
            writer.close()

    try:
        return Served(await asyncio.start_server(answer, settings.http_host, settings.http_port))
    except OSError as wrong:
        raise SettingsError(
            f"cannot listen on {settings.http_host}:{settings.http_port} (TALLYSTICK_HTTP_HOST, TALLYSTICK_HTTP_PORT): "
            f"{os.strerror(wrong.errno) if wrong.errno else wrong}"
        ) from None


async def _request(reader: asyncio.StreamReader) -> tuple[str, str]:
    """Method and path of a request; its headers are read and passed over. Raises ValueError for anything else."""
    head = await reader.readuntil(b"\r\n\r\n")
    method, path, _version = head.split(b"\r\n", 1)[0].decode("latin-1").split(" ")
    return method, path
