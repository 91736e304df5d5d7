"""The local PostgreSQL as root: it runs as somebody else, and says so where that one cannot reach its data."""

import os
import pwd
from pathlib import Path

import pytest

from infra.postgres.local import LocalPostgres, PostgresUnavailable


@pytest.fixture(autouse=True)
def as_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)


def test_root_is_dropped(tmp_path: Path) -> None:
    account = LocalPostgres(tmp_path, 0).account
    assert account is not None
    assert pwd.getpwuid(account.uid).pw_name in ("postgres", "nobody")


def test_a_folder_that_the_other_user_cannot_reach_is_refused(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    with pytest.raises(PostgresUnavailable, match=r"other users cannot reach .*TALLYSTICK_STATE_DIR"):
        LocalPostgres(closed, 0).prepare()


def test_without_such_a_user_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody_there(name: str) -> pwd.struct_passwd:
        raise KeyError(name)

    monkeypatch.setattr(pwd, "getpwnam", nobody_there)
    with pytest.raises(PostgresUnavailable, match="no user postgres or nobody"):
        LocalPostgres(tmp_path, 0).prepare()
