"""Fixtures and the end of a run of fault tests: the figures are printed, for a person and as one line of JSON.

--soak      3,000 kills and 300 pauses instead of 120 and 30
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from events.topics import ENTRIES, INBOUND, JOURNAL, OUTCOMES
from infra.kafka.topics_admin import ensure_topics
from infra.settings import Settings
from services.workbench.programme.publish import publish
from tests.drivers.figures import Figures
from tests.drivers.servers import open_folder

PROGRAMME = Path(__file__).with_name("programme.yaml")
ROUNDS = 25
"""Storms of a soak."""

figures_of_this_run = pytest.StashKey[Figures]()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "storm" in metafunc.fixturenames:
        metafunc.parametrize("storm", range(ROUNDS if metafunc.config.getoption("--soak") else 1))


@pytest.fixture(scope="session")
def figures(request: pytest.FixtureRequest) -> Figures:
    return request.config.stash.setdefault(figures_of_this_run, Figures())


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    found = config.stash.get(figures_of_this_run, None)
    if found is not None:
        terminalreporter.section("faults")
        for line in (*found.lines(), found.line()):
            terminalreporter.write_line(line)


@pytest.fixture
async def folder() -> AsyncIterator[Path]:
    async with open_folder() as folder:
        yield folder


async def opened(house: Settings) -> Settings:
    """The house with its topics and the programme: ready for tills. Its data are its clock, so that no tick comes."""
    house = house.model_copy(update={"clock": "facts"})
    await ensure_topics(house, (*INBOUND, JOURNAL, ENTRIES, OUTCOMES))
    await publish(house, PROGRAMME.read_text())
    return house
