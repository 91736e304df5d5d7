"""What intake counts. No receipts, members or identifiers in labels."""

from __future__ import annotations

from infra.metrics import Registry
from services.intake.core.identity import Act

END = {Act.PARK: "parked"}
"""The end of a record by what was done with it: parked, or done. Intake declines nothing; what stops is not counted."""


class Metrics:
    """Made once per process; every loop counts on."""

    def __init__(self, registry: Registry) -> None:
        self.records = registry.counter("intake_records_total", "Inbound records by topic and end", "topic", "end")
        self.acts = registry.counter("intake_acts_total", "Inbound records by what they came to", "topic", "act")
        self.guest_receipts = registry.counter("intake_guest_receipts_total", "Receipts without an identifier, kept")
        self.guest_lines = registry.counter("intake_guest_lines_total", "Lines on the receipts of guests")
        self.identities = registry.counter("intake_identities_total", "Identifiers that got a member")
        self.races = registry.counter("intake_races_lost_total", "Batches decided again, another worker was quicker")
        self.restored = registry.counter("intake_receipts_restored_total", "Receipts restored from the journal")
        self.stopped = registry.gauge(
            "intake_stopped_partitions", "Inbound partitions that stand before a record they cannot go past"
        )
        self.restarts = registry.counter("intake_restarts_total", "Loops started again after an outage")
        self.lag = registry.gauge("intake_lag_records", "Records of an inbound topic that wait to be read", "topic")
        self.batch_records = registry.histogram(
            "intake_batch_records", "Records in a batch", buckets=(1, 10, 100, 500, 1_000, 2_500, 5_000)
        )
        self.batch_seconds = registry.histogram("intake_batch_seconds", "From looked up to saved, per batch")
