"""Ports are remembered from run to run, and never given twice."""

import socket
from pathlib import Path

from infra.stack.ports import Ports


def test_a_port_is_the_same_in_the_next_run(tmp_path: Path) -> None:
    port = Ports(tmp_path / "ports.json").of("kafka")
    assert Ports(tmp_path / "ports.json").of("kafka") == port


def test_a_port_that_another_program_took_is_replaced(tmp_path: Path) -> None:
    port = Ports(tmp_path / "ports.json").of("kafka")
    with socket.socket() as other:
        other.bind(("127.0.0.1", port))
        other.listen()
        fresh = Ports(tmp_path / "ports.json").of("kafka")
        assert fresh != port
    assert Ports(tmp_path / "ports.json").of("kafka") == fresh


def test_two_names_have_two_ports(tmp_path: Path) -> None:
    ports = Ports(tmp_path / "ports.json")
    assert len({ports.of(name) for name in "abcdefgh"}) == 8
