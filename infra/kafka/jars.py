"""Apache Kafka's own jars: fetched once from Maven Central, checked, and kept in a folder of the user.

Owns the list (coordinates.txt), its hashes (jars.sha256) and the fetching, whole or nothing. Does not own how
Kafka is started: local.py.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import shutil
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from errno import ENOSPC
from pathlib import Path

HERE = Path(__file__).resolve().parent
COORDINATES = HERE / "coordinates.txt"
HASHES = HERE / "jars.sha256"

Progress = Callable[[int, int], None]  # jars that are there, jars in all


class JarsUnavailable(Exception):
    """Kafka's jars could not be fetched or are not the ones we know."""


def kafka_jars(cache: Path, progress: Progress | None = None) -> list[Path]:
    """The jars of the pinned Kafka, sorted by name, fetched into `cache` if they are not there yet.

    Every call checks every SHA-256 (0.1 s): a folder that was tampered with is refused, not used.
    Raises JarsUnavailable.
    """
    folder = cache / f"kafka-{kafka_version()}"
    if not folder.is_dir():
        try:
            cache.mkdir(parents=True, exist_ok=True)
            with _alone(cache / "kafka.lock"):
                if not folder.is_dir():
                    _fetch(folder, progress)
        except OSError as wrong:
            raise JarsUnavailable(
                f"cannot keep Kafka's jars (44 MB) in {cache}: {wrong.strerror}. "
                "Name another folder in TALLYSTICK_CACHE_DIR"
            ) from wrong
    check(folder)
    return sorted(folder.glob("*.jar"))


def kafka_version() -> str:
    """The version of Kafka in the list of coordinates, such as 4.4.0."""
    return next(c.rsplit(":", 1)[1] for c in coordinates() if c.startswith("org.apache.kafka:kafka-clients:"))


def coordinates() -> list[str]:
    """group:artifact:version of each jar; complete, so nothing is ever resolved transitively."""
    return COORDINATES.read_text().split()


def check(folder: Path) -> None:
    """Raises JarsUnavailable unless the folder holds exactly the jars of jars.sha256, byte for byte."""
    wanted = {name: digest for digest, name in (line.split() for line in HASHES.read_text().splitlines())}
    found = {jar.name: hashlib.sha256(jar.read_bytes()).hexdigest() for jar in folder.glob("*.jar")}
    wrong = sorted(name for name in wanted.keys() | found.keys() if wanted.get(name) != found.get(name))
    if wrong:
        raise JarsUnavailable(
            f"the jars in {folder} are not the ones of {HASHES.name}: {', '.join(wrong[:5])}"
            + (f" and {len(wrong) - 5} more" if len(wrong) > 5 else "")
            + ". Delete the folder, and they are fetched again"
        )


def _fetch(folder: Path, progress: Progress | None) -> None:
    """Fetch into a folder beside it, check, then rename: whoever sees `folder` sees all of it."""
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".fetching-") as name:
        repository, flat = Path(name, "repository"), Path(name, "jars")
        flat.mkdir()
        wanted = coordinates()
        with ThreadPoolExecutor(max_workers=8) as pool:
            jobs = [pool.submit(_download, coordinate, repository) for coordinate in wanted]
            try:
                for done, job in enumerate(as_completed(jobs), start=1):
                    jar = job.result()
                    shutil.move(jar, flat / jar.name)
                    if progress:
                        progress(done, len(wanted))
            except Exception as wrong:
                pool.shutdown(cancel_futures=True)
                if getattr(wrong, "errno", None) == ENOSPC:
                    raise
                raise JarsUnavailable(
                    "could not fetch Kafka's jars from Maven Central "
                    f"({type(wrong).__name__}: {str(wrong)[:200]}). The first start needs the network; "
                    f"or put the {len(wanted)} jars of {COORDINATES} into {folder} by other means"
                ) from wrong
        check(flat)
        flat.rename(folder)


def _download(coordinate: str, repository: Path) -> Path:
    from jgo.maven import MavenContext  # here, because most starts find the jars in place

    group, artifact, version = coordinate.split(":")
    component = MavenContext(repo_cache=repository, timeout=60).project(group, artifact).at_version(version)
    return Path(component.artifact().resolve())


@contextlib.contextmanager
def _alone(lock: Path) -> Iterator[None]:
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
