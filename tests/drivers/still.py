"""A process that stands for one of ours: answers /readyz on TALLYSTICK_HTTP_PORT until SIGTERM.

Variables: STILL_ORDER names a file to which it adds STILL_NAME when it is asked to stop; STILL_DEAF makes it ignore
the asking.
"""

import asyncio
import os
import signal
from pathlib import Path


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readline()
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
    await writer.drain()
    writer.close()


async def main() -> None:
    asked = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, asked.set)
    async with await asyncio.start_server(answer, "127.0.0.1", int(os.environ["TALLYSTICK_HTTP_PORT"])):
        print("standing still", flush=True)
        await asked.wait()
        if "STILL_DEAF" in os.environ:
            await asyncio.Event().wait()
    if order := os.environ.get("STILL_ORDER"):
        with Path(order).open("a") as file:
            file.write(os.environ["STILL_NAME"] + "\n")


if __name__ == "__main__":
    asyncio.run(main())
