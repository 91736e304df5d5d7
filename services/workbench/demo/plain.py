"""The house `plain`: every receipt as fast as it goes, nobody waits for an answer.

Owns the order (the file's) and the progress. Does not own the settling at the end (books.py).
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from services.workbench.demo.books import Books
from services.workbench.demo.receipts import Receipt, said
from services.workbench.demo.report import Progress
from services.workbench.demo.restarts import Restarts
from services.workbench.demo.tills import Tills


async def say_all(receipts: Iterable[Receipt], tills: Tills, restarts: Restarts) -> None:
    """Every receipt to its till, in the order of the file."""
    for number, receipt in enumerate(receipts):
        await restarts.may_say(number)
        tills.say(said(receipt))
        if number % 50 == 0:
            await asyncio.sleep(0)  # the tills write meanwhile, and the file is read on afterwards


async def watch(total: int, books: Books, restarts: Restarts, progress: Progress) -> None:
    """Follow the house until every receipt is booked or, a guest's, kept."""
    async for count in books.receipts_settled():
        progress.show("plain", count)
        await restarts.answered(count)
        if count >= total:
            return
