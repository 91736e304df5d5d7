"""What goes from one member to another has come: once, whole, and nothing else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from tests.oracles.recount.books import Books
from tests.oracles.recount.rules import Fact


def between(books: Books) -> Iterator[str]:
    members = books.members
    due = members.gifts()
    come = {gift: points for gift, (_, points) in members.come.items()}
    for gift in due.keys() | come.keys():
        if due[gift] != come.get(gift, 0):
            sender, fact, why, to = gift
            yield f"{sender} gave {to} {due[gift]} points with {fact} ({why}), and {come.get(gift, 0)} have come"
    for pair in members.handed_on.keys() | members.taken_in.keys():
        sent = Counter(map(text, members.handed_on.get(pair, [])))
        there = Counter(map(text, members.taken_in.get(pair, [])))
        way = "from {} to {}".format(*pair)
        yield from (f"{way} this was handed on and has not come: {one}" for one in sent - there)
        yield from (f"{way} this has come and was not handed on: {one}" for one in there - sent)


def text(fact: Fact) -> str:
    """A fact without the place of its record, which it leaves behind."""
    return str(sorted((name, value) for name, value in fact.items() if name != "source"))
