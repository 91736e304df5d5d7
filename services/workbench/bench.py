"""`bench`: which benches there are and what may be asked of them. Their bodies are in tests/bench."""

from __future__ import annotations

from typing import Annotated

import typer

app = typer.Typer(
    no_args_is_help=True,
    help="Measure, on servers of its own. A table, then one JSON object; exit code 1 when a run was not exact.",
)

Events = Annotated[int, typer.Option(min=1_000, help="Facts a round.")]
Rounds = Annotated[int, typer.Option(min=1, max=99, help="How often; the median and the spread are told.")]


@app.command()
def ledger(events: Events = 200_000, rounds: Rounds = 3) -> None:
    """The ledger's worker on a backlog: events per second, CPU of each process, where each microsecond goes."""
    from tests.bench.ledger import run_ledger

    raise typer.Exit(run_ledger(events, rounds))
