"""Read models: from a topic through a pure fold to rows, rows and position in one transaction.

Owns positions, the schemas that a model lives in, parked records, what happens when something fails, and rebuilds.
Does not own any model (projections/<model>).
"""
