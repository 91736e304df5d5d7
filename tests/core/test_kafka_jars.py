"""Kafka's jars: exactly those of the list, byte for byte, or none."""

import errno
import hashlib
import os
from pathlib import Path

import pytest

from infra.kafka import jars


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache with a Kafka of two tiny jars, and a list of hashes that fits them."""
    folder = tmp_path / f"kafka-{jars.kafka_version()}"
    folder.mkdir()
    lines = []
    for name in ("one-1.jar", "two-2.jar"):
        (folder / name).write_bytes(name.encode())
        lines.append(f"{hashlib.sha256(name.encode()).hexdigest()}  {name}\n")
    monkeypatch.setattr(jars, "HASHES", tmp_path / "jars.sha256")
    jars.HASHES.write_text("".join(lines))
    return folder


def test_the_right_jars_are_taken_without_the_network(folder: Path) -> None:
    assert [jar.name for jar in jars.kafka_jars(folder.parent)] == ["one-1.jar", "two-2.jar"]


def test_a_changed_byte_is_refused(folder: Path) -> None:
    (folder / "two-2.jar").write_bytes(b"two-2.jaR")
    with pytest.raises(jars.JarsUnavailable, match=r"not the ones of jars\.sha256: two-2\.jar\. Delete the folder"):
        jars.kafka_jars(folder.parent)


def test_a_missing_jar_is_refused(folder: Path) -> None:
    (folder / "one-1.jar").unlink()
    with pytest.raises(jars.JarsUnavailable, match=r"one-1\.jar"):
        jars.kafka_jars(folder.parent)


def test_a_jar_too_many_is_refused(folder: Path) -> None:
    (folder / "guest-1.jar").write_bytes(b"")
    with pytest.raises(jars.JarsUnavailable, match=r"guest-1\.jar"):
        jars.kafka_jars(folder.parent)


def test_fetched_jars_are_checked_before_anybody_sees_them(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def download(coordinate: str, repository: Path) -> Path:
        jar = repository / coordinate.replace(":", "-")
        repository.mkdir(exist_ok=True)
        jar.write_bytes(b"something else")
        return jar

    monkeypatch.setattr(jars, "_download", download)
    cache = tmp_path / "other"
    with pytest.raises(jars.JarsUnavailable):
        jars.kafka_jars(cache)
    assert [path.name for path in cache.iterdir()] == ["kafka.lock"]


def test_without_a_network_the_sentence_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def download(_coordinate: str, _repository: Path) -> Path:
        raise ConnectionError("no route to host")

    monkeypatch.setattr(jars, "_download", download)
    with pytest.raises(jars.JarsUnavailable, match=r"no route to host.*first start needs the network"):
        jars.kafka_jars(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["kafka.lock"]


def test_a_full_disk_is_not_taken_for_a_missing_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def download(_coordinate: str, _repository: Path) -> Path:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(jars, "_download", download)
    with pytest.raises(
        jars.JarsUnavailable, match=r"No space left on device\. Name another folder in TALLYSTICK_CACHE"
    ):
        jars.kafka_jars(tmp_path)


def test_every_coordinate_is_pinned_and_has_a_hash() -> None:
    names = {line.split()[1] for line in jars.HASHES.read_text().splitlines()}
    pinned = {f"{artifact}-{version}.jar" for _, artifact, version in (c.split(":") for c in jars.coordinates())}
    assert pinned == names
    assert len(pinned) == 45
