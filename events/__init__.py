"""The language: what may be said on a topic. Imports nothing of ours.

Owns the models of facts, entries, rewards and refusals, and the list of topics.
Does not own what a fact means for a balance (services/programme, services/book) nor how bytes travel (infra/kafka).
"""
