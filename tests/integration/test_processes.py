"""A process that cannot go on says so in one sentence and exits with 1: no traceback, no password."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from urllib.parse import urlsplit, urlunsplit

import pytest

from infra.settings import Settings

WEAK = {"TALLYSTICK_REPLICATION_FACTOR": "1", "TALLYSTICK_MIN_INSYNC": "1", "TALLYSTICK_ALLOW_WEAK_TOPICS": "true"}
PROCESSES = ("services.intake", "services.ledger", "projections")


def ends_with(process: str, **variables: str) -> str:
    """What a process says on stderr when it refuses."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TALLYSTICK_")}
    done = subprocess.run(
        [sys.executable, "-m", process], env=environment | WEAK | variables, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr


def address(house: Settings, *, password: str | None = None, database: str | None = None) -> str:
    url = urlsplit(house.database_url.get_secret_value())
    user = url.username if password is None else f"{url.username}:{password}"
    where = url.netloc if password is None else f"{user}@{url.hostname}:{url.port}"
    return urlunsplit(url._replace(netloc=where, path=url.path if database is None else f"/{database}"))


@pytest.mark.parametrize("process", PROCESSES)
def test_a_wrong_password_is_a_sentence_without_it(process: str, house: Settings) -> None:
    said = ends_with(
        process,
        KAFKA_BOOTSTRAP_SERVERS=house.kafka_bootstrap_servers,
        DATABASE_URL=address(house, password="swordfish-17"),
    )
    assert "check DATABASE_URL" in said
    assert "swordfish-17" not in said


@pytest.mark.parametrize("process", PROCESSES)
def test_a_missing_database_is_a_sentence(process: str, house: Settings) -> None:
    said = ends_with(
        process,
        KAFKA_BOOTSTRAP_SERVERS=house.kafka_bootstrap_servers,
        DATABASE_URL=address(house, database="nowhere"),
    )
    assert 'database "nowhere" does not exist' in said


def test_a_process_that_does_not_end_leaves_and_says_what_it_waited_for() -> None:
    code = """
import asyncio, os, signal
from infra import process
process.END_SECONDS = 0.2
async def never(settings, health, registry, stopping):
    os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.Event().wait()
process.run_process("ledger", never)
"""
    named = {"KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1", "DATABASE_URL": "postgresql://postgres@127.0.0.1:1/none"}
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TALLYSTICK_")}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment | WEAK | named, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 1
    assert "ledger: was asked to stop, and leaves without waiting any longer for" in done.stderr
    assert "run.<locals>.wrapper" in done.stderr


@pytest.mark.parametrize("process", PROCESSES)
def test_a_missing_setting_names_the_variable(process: str) -> None:
    assert "KAFKA_BOOTSTRAP_SERVERS" in ends_with(process, KAFKA_BOOTSTRAP_SERVERS="", DATABASE_URL="")


@pytest.mark.parametrize("process", PROCESSES)
def test_a_port_that_is_taken_is_a_sentence_with_the_setting(process: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        said = ends_with(
            process,
            KAFKA_BOOTSTRAP_SERVERS="127.0.0.1:1",
            DATABASE_URL="postgresql://a:b@127.0.0.1:1/c",
            TALLYSTICK_HTTP_PORT=str(port),
        )
    assert f"cannot listen on 127.0.0.1:{port} (TALLYSTICK_HTTP_HOST, TALLYSTICK_HTTP_PORT): Address already" in said


@pytest.mark.parametrize(
    ("process", "sentence"),
    [
        ("services.ledger", "PostgreSQL does not answer at 127.0.0.1:1 (ConnectionRefusedError"),
        ("projections", "Kafka does not answer at 127.0.0.1:1; check KAFKA_BOOTSTRAP_SERVERS"),
    ],
)
def test_a_server_that_is_not_there_is_named(process: str, sentence: str) -> None:
    said = ends_with(
        process, KAFKA_BOOTSTRAP_SERVERS="127.0.0.1:1", DATABASE_URL="postgresql://a:swordfish-17@127.0.0.1:1/c"
    )
    assert sentence in said
    assert "swordfish-17" not in said
