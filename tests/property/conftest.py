"""How hard this level tries: `--soak` multiplies by a hundred, both what Hypothesis draws and what seeds make."""

from __future__ import annotations

import pytest
from hypothesis import settings

from tests.drivers.examples import SOAK


def pytest_configure(config: pytest.Config) -> None:
    """Before the tests of this folder are read: their numbers of examples count from the profile."""
    settings.load_profile("soak" if config.getoption("--soak") else "property")


@pytest.fixture
def soak(request: pytest.FixtureRequest) -> int:
    """How many times as many histories as in CI."""
    return SOAK if request.config.getoption("--soak") else 1
