"""The book: lots, holds and debt of one member, in double entry. Pure.

Owns what a fact does to a member's balance and the state that the next fact needs. Does not own what a basket is worth
(services/programme) nor how state and entries are stored (services/ledger).
"""
