"""What a mechanic gives is a promise: its dues over a fixed history are those of the committed file.

A change of code that gives something else would count otherwise what was earned, at the next replay and for every
return. So it is another mechanic, under a name of its own, or a key of its configuration that is off by default.
"""

from __future__ import annotations

import json

import pytest

from services.programme.mechanics import MECHANICS
from tests.core.test_laws import CONFIGS
from tests.drivers.golden import FILE, dues_of

GOLDEN = json.loads(FILE.read_text())
CASES = [(name, json.dumps(config, sort_keys=True)) for name in sorted(MECHANICS) for config in CONFIGS[name]]


@pytest.mark.parametrize(("name", "config"), CASES)
def test_a_mechanic_gives_what_it_has_given(name: str, config: str) -> None:
    known = GOLDEN.get(name, {})
    assert config in known, (
        f"{name} {config} is new: run python -m tests.drivers.golden, look at what it adds, commit it"
    )
    assert json.loads(json.dumps(dues_of(MECHANICS[name], json.loads(config)))) == known[config], (
        f"{name} gives something else than it gave: what members were promised would change; "
        "give the changed mechanic another name, or a key that is off where it is not written"
    )


def test_nothing_is_forgotten() -> None:
    """A mechanic or a configuration that is gone: programmes that were published have it still."""
    assert set(GOLDEN) <= set(MECHANICS)
    assert {(name, config) for name, configs in GOLDEN.items() for config in configs} <= set(CASES)


@pytest.mark.parametrize("name", sorted(MECHANICS))
def test_the_history_makes_it_give_something(name: str) -> None:
    assert any(GOLDEN[name].values())
