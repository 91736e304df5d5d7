"""What of a programme this book can keep: a promise that it could not is refused when the programme is read.

Owns the list of what is written in the language of programmes and not booked yet. Everything that puts a programme in
force reads it through `plan_of`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from services.programme.compile import Plan, Version, compile_programme
from services.programme.mechanics.referral import Referral
from services.programme.written import ProgrammeError


def plan_of(texts: Sequence[str], names: Sequence[str] = ()) -> Plan:
    """`compile_programme`, and nothing that this book does not do. Raises ProgrammeError with every fault."""
    plan = compile_programme(texts, names)
    if faults := tuple(fault for version in plan.versions for fault in _beyond(version)):
        raise ProgrammeError(faults)
    return plan


def _beyond(version: Version) -> Iterator[str]:
    says = {
        "carry: migrate or top_up of a referral": any(isinstance(rule.mechanic, Referral) for rule in version.carried),
    }
    for what, said in says.items():
        if said:
            yield f"version {version.name}: {what} is not booked yet; leave it out"
