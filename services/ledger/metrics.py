"""What the ledger counts. No members in labels."""

from __future__ import annotations

from infra.metrics import Registry
from services.ledger.batch import Batch


class Metrics:
    """Made once per process."""

    def __init__(self, registry: Registry) -> None:
        self.facts = registry.counter("ledger_facts_total", "Facts booked, each with a seq")
        self.entries = registry.counter("ledger_entries_total", "Entries booked")
        self.repeats = registry.counter("ledger_repeats_total", "Facts that came again, and were answered again")
        self.parked = registry.counter("ledger_parked_total", "Journal records set aside")
        self.refolds = registry.counter(
            "ledger_refolds_total", "Batches given up and folded again, by reason", "reason"
        )
        self.stopped = registry.gauge(
            "ledger_stopped_partitions", "Partitions that stand before a fact they cannot fold"
        )
        self.owned = registry.gauge("ledger_owned_partitions", "Partitions that are ours")
        self.members = registry.gauge("ledger_cached_members", "Members in the cache")
        self.unpublished = registry.gauge("ledger_unpublished_facts", "Facts committed and not yet on every topic")
        self.lag = registry.gauge("ledger_lag_records", "Journal records that wait to be read")
        self.event_age = registry.gauge(
            "ledger_event_age_seconds", "How long before now the newest fact of the last batch was taken by the journal"
        )
        self.batch_records = registry.histogram(
            "ledger_batch_records", "Journal records in a batch", buckets=(1, 10, 100, 500, 1_000, 2_500, 5_000, 10_000)
        )
        self.fold_seconds = registry.histogram("ledger_fold_seconds", "From fetched to ready to commit, per batch")
        self.commit_seconds = registry.histogram("ledger_commit_seconds", "One transaction")

    def committed(self, batch: Batch, seconds: float) -> None:
        """A batch is in the tables."""
        self.commit_seconds.observe(seconds)
        self.batch_records.observe(batch.records)
        for part in batch.parts:
            self.facts.inc(len(part.facts))
            self.entries.inc(sum([len(one.entries) for _, _, postings in part.entries for one in postings]))
            self.repeats.inc(len(part.chunk.repeats))
            self.parked.inc(len(part.parked))
