"""What a process counts: one Registry per process, every name `tallystick_...`, no member ids in labels.

Owns the prefix and the text of /metrics. Does not own the endpoint (infra/health.py).
"""

from __future__ import annotations

from collections.abc import Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

__all__ = ["Counter", "Gauge", "Histogram", "Registry"]

PREFIX = "tallystick_"
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Buckets of a duration: from a quick commit to an outage."""


class Registry:
    """The metrics of one process. Labels are given by name and must be few."""

    def __init__(self) -> None:
        self._all = CollectorRegistry()
        ProcessCollector(registry=self._all)
        PlatformCollector(registry=self._all)
        GCCollector(registry=self._all)

    def counter(self, name: str, meaning: str, *labels: str) -> Counter:
        """Something that only grows; the name ends in `_total`."""
        return Counter(PREFIX + name, meaning, labels, registry=self._all)

    def gauge(self, name: str, meaning: str, *labels: str) -> Gauge:
        """Something that goes up and down; the name ends in its unit."""
        return Gauge(PREFIX + name, meaning, labels, registry=self._all)

    def histogram(self, name: str, meaning: str, *labels: str, buckets: Sequence[float] = SECONDS) -> Histogram:
        """How often something took how long (or was how large); the name ends in its unit."""
        return Histogram(PREFIX + name, meaning, labels, registry=self._all, buckets=buckets)

    def text(self) -> bytes:
        """The page for Prometheus, in its text format 0.0.4."""
        return generate_latest(self._all)
