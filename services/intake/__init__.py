"""Intake: what tills and partners say, in any dialect, becomes facts in the journal.

Owns the directory (who has which identifier, which receipt is whose), the parked records and the positions on the
inbound topics. Does not own what a fact is worth: the ledger reads that off the journal.
"""
