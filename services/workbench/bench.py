"""`bench`: which benches there are and what may be asked of them. Their bodies are in tests/bench."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

app = typer.Typer(
    no_args_is_help=True,
    help="Measure, on servers of its own. A table, then one JSON object; exit code 1 when a run was not exact.",
)

Events = Annotated[int, typer.Option(min=1_000, help="Facts a round.")]
Rounds = Annotated[int, typer.Option(min=1, max=99, help="How often; the median and the spread are told.")]


@app.command()
def ledger(
    events: Events = 200_000,
    rounds: Rounds = 3,
    members: Annotated[int, typer.Option(min=0, help="Also try a house with so many members, such as 1000000.")] = 0,
    cached: Annotated[int, typer.Option(min=1, help="How many of those the worker keeps in memory.")] = 100_000,
    earlier: Annotated[
        int, typer.Option(min=0, help="Also try a house with so many earlier facts, such as 20000000 (1 GB a million).")
    ] = 0,
    workload: Annotated[
        Literal["plain", "book", "grocery"],
        typer.Option(
            help="plain: two rules and levels; book: five rules, 10 % returns, 1 % late purchases; "
            "grocery: the same shares under the nineteen rules of the example grocery.yaml."
        ),
    ] = "plain",
) -> None:
    """The ledger's worker on a backlog: events per second, CPU of each process, where each microsecond goes."""
    from tests.bench.ledger import run_ledger

    raise typer.Exit(run_ledger(events, rounds, members, cached, earlier, workload))


@app.command()
def rivals(
    names: Annotated[list[str] | None, typer.Argument(help="Which ones; none: all that can run here.")] = None,
    events: Events = 100_000,
    rounds: Rounds = 2,
) -> None:
    """The ledger against other ways to do the same job, in alternating rounds of one run."""
    from tests.bench.contest import run_rivals

    raise typer.Exit(run_rivals(events, rounds, names or []))


@app.command()
def rate(events: Events = 100_000, rounds: Rounds = 5) -> None:
    """The pure path alone, with no server: facts decoded, rated and booked a second, on one core."""
    from tests.bench.rate import run_rate

    raise typer.Exit(run_rate(events, rounds))


@app.command()
def growth(rounds: Rounds = 15) -> None:
    """What one more fact costs a member of 10, 100, 1,000 and 10,000 facts, and what was promised of it."""
    from tests.bench.growth import run_growth

    raise typer.Exit(run_growth(rounds))


@app.command()
def redeem(
    seconds: Annotated[int, typer.Option(min=1, help="How long the stream runs.")] = 30,
    members: Annotated[int, typer.Option(min=100, help="Enrolled, and in the worker's cache.")] = 20_000,
    rounds: Rounds = 1,
) -> None:
    """How long a till waits for its points, beside 2,000 purchases a second, and at a loop that does nothing else."""
    from tests.bench.redeem import run_redeem

    raise typer.Exit(run_redeem(seconds, members, rounds))


@app.command()
def expiry(
    members: Annotated[int, typer.Option(min=1_000, help="Whose points end at one midnight.")] = 1_000_000,
) -> None:
    """A midnight at which a million members' points end, while tills ask and sell: how long both take."""
    from tests.bench.expiry import run_expiry

    raise typer.Exit(run_expiry(members))


@app.command()
def intake(events: Events = 100_000, rounds: Rounds = 2) -> None:
    """Intake from the tills' topics to the journal, against the ledger in alternating rounds."""
    from tests.bench.intake import run_intake

    raise typer.Exit(run_intake(events, rounds))


@app.command()
def overload(
    seconds: Annotated[int, typer.Option(min=1, help="How long ten times too much is written.")] = 20,
) -> None:
    """Ten times what the worker can do: memory stays, nothing is lost, and the lag goes by itself."""
    from tests.bench.overload import run_overload

    raise typer.Exit(run_overload(seconds))
