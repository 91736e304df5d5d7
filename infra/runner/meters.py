"""What the runner counts."""

from __future__ import annotations

from infra.metrics import Registry


class Meters:
    """The read models' metrics, all labelled with the model's name."""

    def __init__(self, registry: Registry) -> None:
        self.applied = registry.counter("projection_applied_total", "Records folded into a read model", "model")
        self.parked = registry.counter("projection_parked_total", "Records set aside because unreadable", "model")
        self.failures = registry.counter("projection_failures_total", "Attempts that failed and are repeated", "model")
        self.stale = registry.gauge("projection_stale", "1 while a read model does not keep up somewhere", "model")
        self.stopped = registry.gauge(
            "projection_stopped_partitions", "Partitions of a read model that stand before a record", "model"
        )
        self.lag = registry.gauge("projection_lag_records", "Records of the topic not yet in the read model", "model")
        self.age = registry.gauge(
            "projection_age_seconds", "How long the oldest record not yet in the read model has been waiting", "model"
        )
        self.commit = registry.histogram("projection_commit_seconds", "Duration of one transaction", "model")
