"""The rival on Kafka Streams is left out with a sentence where it cannot be built."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bench.rivals.kafka_streams import lacks


def programs(folder: Path, *names: str) -> str:
    for name in names:
        (folder / name).write_text("#!/bin/sh\n")
        (folder / name).chmod(0o755)
    return str(folder)


@pytest.mark.parametrize(
    ("there", "missing"),
    [((), "finds no mvn and no javac"), (("javac",), "finds no mvn"), (("mvn",), "finds no javac")],
)
def test_what_is_missing_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there: tuple[str, ...], missing: str
) -> None:
    monkeypatch.setenv("PATH", programs(tmp_path, *there))
    assert missing in lacks()
    assert "apt-get install maven" in lacks()


def test_with_both_nothing_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", programs(tmp_path, "mvn", "javac"))
    assert lacks() == ""
