"""The command line: which commands there are, and where each one lives.

Owns names, arguments and help texts. Does not own what a command does: each body is imported when it is called,
so that `./run --help` is quick and a command loads only what it needs.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from services.workbench import bench

app = typer.Typer(
    name="tallystick",
    help="Tallystick: an event-sourced loyalty ledger on Kafka and PostgreSQL.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
config = typer.Typer(no_args_is_help=True, help="Settings.")
app.add_typer(config, name="config")
parked = typer.Typer(no_args_is_help=True, help="Records that could not be read: look, have them read again, discard.")
app.add_typer(parked, name="parked")
app.add_typer(bench.app, name="bench")
programme = typer.Typer(no_args_is_help=True, help="A programme file: check it, read it, compare it, put it in force.")
app.add_typer(programme, name="programme")

Named = Annotated[list[str] | None, typer.Argument(help="Coordinates, such as purchases.v1/3/17.")]
OfTopic = Annotated[str | None, typer.Option(help="Only of this topic.")]
ForReason = Annotated[str | None, typer.Option(help="Only where the reason has this text in it.")]
AllThatWait = Annotated[bool, typer.Option("--all", help="All that wait, or those that --topic and --reason leave.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object instead of words.")]


@app.command()
def up() -> None:
    """Start Kafka, PostgreSQL and every process, print their addresses, and stay until Ctrl-C."""
    from services.workbench.up import run_up

    raise typer.Exit(run_up())


@app.command()
def demo(
    once: Annotated[bool, typer.Option("--once", help="End when everything is compared.")] = False,
    as_json: AsJson = False,
    restarts: Annotated[
        int, typer.Option(min=0, help="End each process so often in the middle, by SIGTERM and kill -9 in turn.")
    ] = 0,
) -> None:
    """Stream a year of real receipts through two houses, compare each customer, and stay until Ctrl-C."""
    from services.workbench.demo.run import run_demo

    raise typer.Exit(run_demo(once=once, as_json=as_json, restarts=restarts))


@app.command("test", context_settings={"ignore_unknown_options": True, "allow_extra_args": True})
def run_level(
    context: typer.Context,
    level: Annotated[str | None, typer.Argument(help="Folders of tests/, such as core; none: all but seeded.")] = None,
) -> None:
    """Run the tests: all of them, or some levels. What follows goes to pytest: ./run test core mission -k lots -x"""
    from services.workbench.quality import run_tests

    raise typer.Exit(run_tests(level, context.args))


@app.command()
def check() -> None:
    """Format, lint and strict types, without changing a file."""
    from services.workbench.quality import run_checks

    raise typer.Exit(run_checks())


@app.command()
def simulate(
    programme: Annotated[list[Path], typer.Option(help="A programme file; repeat it for several versions.")],
    facts: Annotated[Path, typer.Option(help="Facts, one JSON object a line, in the order of the journal.")],
    until: Annotated[
        str | None,
        typer.Option(help="As it stands at an instant, such as 2026-12-31T00:00:00Z; later facts are left out."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Fold a file of facts under a programme, with no server: balances, tiers, lots, and why."""
    from services.workbench.simulate import run_simulate

    raise typer.Exit(run_simulate(programme, facts, until, as_json=as_json))


@app.command()
def explain(
    member: Annotated[str, typer.Argument(help="A member's id, or an identifier as scheme:value.")],
    at: Annotated[
        str | None, typer.Option(help="As it stood at this instant, such as 2026-03-05T18:00:00Z; else now.")
    ] = None,
    programme: Annotated[
        list[Path] | None, typer.Option(help="Of files in place of a running house: the programme; may be repeated.")
    ] = None,
    facts: Annotated[Path | None, typer.Option(help="And the facts, as for `simulate`.")] = None,
    as_json: AsJson = False,
) -> None:
    """Why a member's balance is what it is: each point's receipt, rule, lot, and what became of it."""
    from services.workbench.explain.command import run_explain

    raise typer.Exit(run_explain(member, at, programme or [], facts, as_json=as_json))


@app.command()
def quote(
    programme: Annotated[list[Path], typer.Option(help="A programme file; repeat it for several versions.")],
    facts: Annotated[Path, typer.Option(help="Facts, one JSON object a line, in the order of the journal.")],
    basket: Annotated[Path, typer.Option(help="A purchase as JSON, at the prices that everybody pays; no id needed.")],
    at: Annotated[str, typer.Option(help="The instant that is asked about, such as 2026-12-31T00:00:00Z.")],
    as_json: AsJson = False,
) -> None:
    """What a basket costs a member, by which rule and why, what it would give, and what the member is entitled to."""
    from services.workbench.quote import run_quote

    raise typer.Exit(run_quote(programme, facts, basket, at, as_json=as_json))


@app.command()
def catalog(
    check: Annotated[bool, typer.Option("--check", help="Only compare with events/catalog.")] = False,
) -> None:
    """Write the JSON Schemas of every topic and of the programme file into events/catalog."""
    from services.workbench.catalog import run_catalog

    raise typer.Exit(run_catalog(check=check))


@app.command()
def rebuild(
    model: Annotated[str, typer.Argument(help="A read model: balance or tier.")],
) -> None:
    """Build a read model again from the topic's first record, compare the bytes, and make the new one live."""
    from services.workbench.rebuild import run_rebuild

    raise typer.Exit(run_rebuild(model))


@app.command()
def waiting(
    after: Annotated[str | None, typer.Option(help="Go on behind this one: its receipt, a blank, its id.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many.")] = 50,
    as_json: AsJson = False,
) -> None:
    """Returns that wait for their receipt, which has not come or is a guest's: they take nothing from anybody yet."""
    from services.workbench.waiting import run_waiting

    raise typer.Exit(run_waiting(after, limit, as_json=as_json))


@parked.command("list")
def parked_list(
    topic: OfTopic = None,
    reason: ForReason = None,
    state: Annotated[str, typer.Option(help="waiting (parked, retrying), retried, discarded, or all.")] = "waiting",
    after: Annotated[str | None, typer.Option(help="Go on behind these coordinates.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many.")] = 50,
    as_json: AsJson = False,
) -> None:
    """What lies parked, in the order of the coordinates: by intake, by the ledger, by the read models."""
    from services.workbench.parked.commands import run_list

    raise typer.Exit(run_list(topic, reason, state, after, limit, as_json=as_json))


@parked.command("show")
def parked_show(
    coordinates: Annotated[str, typer.Argument(help="Such as purchases.v1/3/17.")], as_json: AsJson = False
) -> None:
    """One record whole: reason, state, key, headers, and its bytes as text or in hex."""
    from services.workbench.parked.commands import run_show

    raise typer.Exit(run_show(coordinates, as_json=as_json))


@parked.command("retry")
def parked_retry(
    coordinates: Named = None,
    everything: AllThatWait = False,
    topic: OfTopic = None,
    reason: ForReason = None,
    as_json: AsJson = False,
) -> None:
    """Have records read again, as if they came now. One that is bad again is parked again, and linked to the first."""
    from services.workbench.parked.commands import Meant, run_retry

    raise typer.Exit(run_retry(Meant(tuple(coordinates or ()), everything, topic, reason), as_json=as_json))


@parked.command("discard")
def parked_discard(
    by: Annotated[str, typer.Option(help="Who says so.")],
    why: Annotated[str, typer.Option(help="For what reason.")],
    coordinates: Named = None,
    everything: AllThatWait = False,
    topic: OfTopic = None,
    reason: ForReason = None,
    as_json: AsJson = False,
) -> None:
    """Say that nobody will look after records any more, and why. Their rows stay."""
    from services.workbench.parked.commands import Meant, run_discard

    raise typer.Exit(run_discard(Meant(tuple(coordinates or ()), everything, topic, reason), by, why, as_json=as_json))


@programme.command("check")
def programme_check(
    files: Annotated[list[Path], typer.Argument(help="The file; several are taken as versions of one programme.")],
    as_json: AsJson = False,
) -> None:
    """Every fault at once, each with its file, its line, and what to write instead."""
    from services.workbench.programme.commands import run_check

    raise typer.Exit(run_check(files, as_json=as_json))


@programme.command("show")
def programme_show(file: Annotated[Path, typer.Argument(help="The file.")], as_json: AsJson = False) -> None:
    """The programme in plain words, as a customer could read it."""
    from services.workbench.programme.commands import run_show

    raise typer.Exit(run_show(file, as_json=as_json))


@programme.command("diff")
def programme_diff(
    old: Annotated[Path, typer.Argument(help="The version that is in force.")],
    new: Annotated[Path, typer.Argument(help="The one that is to follow.")],
    as_json: AsJson = False,
) -> None:
    """What changes, for whom, and which promises are taken back."""
    from services.workbench.programme.commands import run_diff

    raise typer.Exit(run_diff(old, new, as_json=as_json))


@programme.command("publish")
def programme_publish(
    file: Annotated[Path, typer.Argument(help="The file.")],
    past: Annotated[
        bool, typer.Option("--past", help="It may begin in the past, and rate again what has happened since.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Put a version in force in the running house. One that takes back a promise without saying how is refused."""
    from services.workbench.programme.commands import run_publish

    raise typer.Exit(run_publish(file, past, as_json=as_json))


@config.command("show")
def config_show(as_json: AsJson = False) -> None:
    """The settings in force, with passwords masked."""
    from services.workbench.show import show_config

    show_config(as_json=as_json)


@app.command()
def topics(
    against_broker: Annotated[
        bool, typer.Option("--check", help="Compare with the broker: the running stack's, or KAFKA_BOOTSTRAP_SERVERS.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """The topics: who writes, who reads, how they are kept."""
    from services.workbench.show import check_topics, show_topics

    if against_broker:
        raise typer.Exit(check_topics())
    show_topics(as_json=as_json)


def main() -> None:
    """Run the command line; a wrong setting or a server that is away ends it with a sentence, not a traceback."""
    from infra.settings import SettingsError, misspelt

    for sentence in misspelt():
        print(f"note: {sentence}", file=sys.stderr)
    try:
        app(prog_name="./run")
    except SettingsError as wrong:
        sys.exit(f"error: {wrong}")
