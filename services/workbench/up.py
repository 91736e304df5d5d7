"""`up`: the stack in the foreground, until Ctrl-C.

Owns what is printed and how the end is reached. Does not own the starting and stopping: infra/stack.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

from infra.settings import StackSettings, load_stack, mask
from infra.stack.house import House
from infra.stack.stack import Stack
from infra.stack.supervisor import StackError


def stack_folder(settings: StackSettings) -> Path:
    """Where the stack of `up` lives; other commands find it there."""
    return settings.state_dir / "up"


def run_up() -> int:
    """The exit code: 0 after Ctrl-C or SIGTERM, 1 when the stack could not start or a server died."""
    return asyncio.run(_up(load_stack()))


async def _up(settings: StackSettings) -> int:
    me = asyncio.current_task()
    assert me is not None
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, me.cancel)
    try:
        async with Stack(settings, stack_folder(settings), _say, lasting=True) as stack:
            code = await _stay(stack)
    except StackError as wrong:  # the folder is in use
        print(f"error: {wrong}", file=sys.stderr)
        return 1
    _say("Stopped")
    return code


async def _stay(stack: Stack) -> int:
    """Start, and stay until Ctrl-C (0) or until a server of ours is not there (1)."""
    try:
        _say("Starting (Ctrl-C stops it)")
        await stack.start(House())
        _say(_addresses(stack))
        sentence = await stack.death()
    except asyncio.CancelledError:
        _say("\nStopping")
        return 0
    except StackError as wrong:
        sentence = str(wrong)
    print(f"error: {sentence}", file=sys.stderr, flush=True)
    return 1


def _addresses(stack: Stack) -> str:
    house = stack.settings_of(stack.houses[0])
    lines = [
        "\nTallystick is up.",
        f"  {'Kafka':<12} {house.kafka_bootstrap_servers}",
        f"  {'PostgreSQL':<12} {mask(house.database_url.get_secret_value())}",
    ]
    if stack.postgres is not None:
        lines.append(f"  {'':<12} its password is in {stack.postgres.password_file}")
    lines += [f"  {name:<12} {address}" for name, address in stack.metrics().items()]
    lines.append(f"Data and logs are in {stack.folder}. Ctrl-C stops it.")
    return "\n".join(lines)


def _say(line: str) -> None:
    print(line, flush=True)
