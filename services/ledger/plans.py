"""Compiled programmes: one plan for all partitions that hold the same texts."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from services.programme.compile import compile_programme
from services.programme.plan import Plan

EnsurePartners = Callable[[tuple[str, ...]], Awaitable[None]]
"""Makes the topics of these partners, if they are missing."""


class Plans:
    """Plans by their texts. A partition that is one programme behind the others has the plan of what it holds."""

    def __init__(self, ensure_partners: EnsurePartners) -> None:
        self._ensure_partners = ensure_partners
        self._plans: dict[tuple[str, ...], Plan] = {}
        self._ensured: set[str] = set()

    async def of(self, texts: tuple[str, ...]) -> Plan:
        """The plan of published texts, in their order; its partners have their topics. Raises ProgrammeError."""
        plan = self._plans.get(texts)
        if plan is None:
            plan = self._plans[texts] = compile_programme(texts)
        missing = tuple(partner for partner in plan.partners if partner not in self._ensured)
        if missing:
            await self._ensure_partners(missing)
            self._ensured.update(missing)
        return plan
