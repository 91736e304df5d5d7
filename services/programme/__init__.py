"""The programme: what a shop promises, as data, and what a change of a basket is worth under it. Pure.

Owns the programme file, its mechanics, the tier timeline and the rating of a change. Does not own lots, debt or
redemptions (services/book): it says what is due, never what is posted.
"""
