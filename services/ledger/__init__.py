"""The ledger: owns partitions of the journal, and keeps the book of every member in them.

worker.py numbers the steps of a batch; each other file holds one idea of it. What a fact does to a member is not here:
that is services/book, which is pure.
"""
