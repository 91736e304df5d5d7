"""The house `club`: every customer at a till, who waits for each answer before the next word.

Owns the order of words of one customer and the rule of who redeems: docs/demo.md. Customers are independent of each
other, so many of them are at their tills at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from services.workbench.demo.answers import Answer, Answers
from services.workbench.demo.receipts import Receipt, Saying, enrolment, redemption, said
from services.workbench.demo.report import Progress
from services.workbench.demo.restarts import Restarts
from services.workbench.demo.tills import Tills

AT_ONCE = 300
"""Customers at their tills at a time."""
STEP = 500
"""Points are redeemed in multiples of this."""


class Club:
    """The stream of one house."""

    def __init__(self, tills: Tills, answers: Answers, restarts: Restarts, progress: Progress) -> None:
        self._tills = tills
        self._answers = answers
        self._restarts = restarts
        self._progress = progress
        self._said = 0
        self._answered = 0

    async def run(self, receipts: Sequence[Receipt]) -> None:
        """All receipts that have a customer; those of one customer one after the other, who has most comes first."""
        visits: dict[str, list[Receipt]] = {}
        for receipt in receipts:
            if receipt.customer:
                visits.setdefault(receipt.customer, []).append(receipt)
        turn = asyncio.Semaphore(AT_ONCE)

        async def customer(mine: Sequence[Receipt]) -> None:
            async with turn:
                await self._customer(mine)

        async with asyncio.TaskGroup() as customers:
            for mine in sorted(visits.values(), key=len, reverse=True):
                customers.create_task(customer(mine))

    async def _customer(self, receipts: Sequence[Receipt]) -> None:
        await self._ask(*enrolment(receipts[0]))
        for receipt in receipts:
            number, self._said = self._said, self._said + 1
            await self._restarts.may_say(number)
            answer = await self._ask(receipt.fact, said(receipt))
            if receipt.is_sale and answer.available >= STEP:
                await self._redeem(receipt, answer.available)
            self._answered += 1
            self._progress.show("club", self._answered)
            await self._restarts.answered(self._answered)

    async def _redeem(self, receipt: Receipt, available: int) -> None:
        """The largest multiple that there is; a receipt that ends in 7 first asks for a point more than there is."""
        if receipt.number.endswith("7"):
            await self._ask(*redemption(receipt, available + 1, "too-much"))
        await self._ask(*redemption(receipt, available // STEP * STEP))

    async def _ask(self, fact: str, saying: Saying) -> Answer:
        answer = self._answers.expect(fact)
        self._tills.say(saying)
        return await answer
