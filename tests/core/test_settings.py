"""Settings: the environment in, a frozen model or sentences that name the variable out."""

import os
import tempfile
from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from infra.settings import Settings, SettingsError, load, load_stack, mask, misspelt, shown, variables

URL = "postgresql://me:geheim@db:5432/points"


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("TALLYSTICK_") or name in ("KAFKA_BOOTSTRAP_SERVERS", "DATABASE_URL"):
            monkeypatch.delenv(name)


@pytest.fixture
def named(bare: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "one:9092,two:9092")
    monkeypatch.setenv("DATABASE_URL", URL)


@pytest.mark.usefixtures("named")
def test_the_two_servers_are_enough() -> None:
    settings = load()
    assert settings.kafka_bootstrap_servers == "one:9092,two:9092"
    assert settings.database_url.get_secret_value() == URL
    assert (settings.partitions, settings.replication_factor, settings.min_insync) == (12, 3, 2)
    assert (settings.topic_prefix, settings.clock, settings.allow_weak_topics) == ("", "wall", False)


def test_both_missing_servers_are_named_at_once() -> None:
    with pytest.raises(SettingsError) as wrong:
        load()
    first, second = str(wrong.value).splitlines()
    assert first.startswith("KAFKA_BOOTSTRAP_SERVERS is not set.")
    assert second.startswith("DATABASE_URL is not set.")
    assert "write for example postgresql://" in second


def test_the_stack_needs_no_server() -> None:
    settings = load_stack()
    assert settings.kafka_bootstrap_servers is None
    assert settings.database_url is None


@pytest.mark.usefixtures("named")
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TALLYSTICK_PARTITIONS", "twelve"),
        ("TALLYSTICK_PARTITIONS", "0"),
        ("TALLYSTICK_CLOCK", "sundial"),
        ("TALLYSTICK_HTTP_PORT", "70000"),
        ("TALLYSTICK_TOPIC_PREFIX", "a b"),
        ("TALLYSTICK_INSTANCE", "a/b"),
        ("KAFKA_BOOTSTRAP_SERVERS", "no-port"),
        ("DATABASE_URL", "mysql://me:geheim@db/points"),
        ("DATABASE_URL", "postgresql://me:geheim@db"),
    ],
)
def test_a_wrong_value_names_its_variable_and_keeps_secrets(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as wrong:
        load()
    assert str(wrong.value).startswith(f"{name} is wrong: ")
    assert "write for example" in str(wrong.value)
    assert "geheim" not in str(wrong.value)


@pytest.mark.usefixtures("named")
def test_more_acknowledgements_than_copies_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TALLYSTICK_REPLICATION_FACTOR", "1")
    with pytest.raises(SettingsError, match=r"TALLYSTICK_MIN_INSYNC \(2\) is more than TALLYSTICK_REPLICATION_FACTOR"):
        load()


@pytest.mark.usefixtures("named")
def test_an_empty_variable_counts_as_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TALLYSTICK_PARTITIONS", "")
    assert load().partitions == 12


@pytest.mark.usefixtures("named")
def test_variables_make_the_same_settings_again(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load().model_copy(
        update={"partitions": 3, "topic_prefix": "x-", "clock": "facts", "allow_weak_topics": True}
    )
    for name, value in variables(settings).items():
        monkeypatch.setenv(name, value)
    assert load() == settings


def test_settings_are_frozen_and_closed() -> None:
    settings = Settings(kafka_bootstrap_servers="a:1", database_url=SecretStr(URL))
    with pytest.raises(ValidationError):
        settings.partitions = 3  # type: ignore[misc]
    with pytest.raises(ValidationError):
        Settings(kafka_bootstrap_servers="a:1", database_url=SecretStr(URL), partition=3)  # type: ignore[call-arg]


@pytest.mark.parametrize(
    ("url", "seen"),
    [
        (URL, "postgresql://me:****@db:5432/points"),
        ("postgresql://db/points", "postgresql://db/points"),
        ("postgresql://me@db/points?password=geheim&ssl=on", "postgresql://me@db/points?password=****&ssl=on"),
        ("postgresql://me:g@heim@db/points", "postgresql://me:****@db/points"),
    ],
)
def test_a_password_is_masked(url: str, seen: str) -> None:
    assert mask(url) == seen


@pytest.mark.usefixtures("named")
def test_what_is_shown_holds_no_secret() -> None:
    assert "geheim" not in str(shown(load())) + repr(load())


def test_a_misspelt_variable_is_pointed_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TALLYSTICK_PARTITION", "3")
    monkeypatch.setenv("TALLYSTICK_VENV", "/somewhere")
    assert misspelt() == ["TALLYSTICK_PARTITION is set, but nothing reads it: did you mean TALLYSTICK_PARTITIONS?"]


def test_folders_follow_the_users_own_rules(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    settings = load_stack()
    assert settings.state_dir == tmp_path / "state" / "tallystick"
    assert settings.cache_dir == tmp_path / "cache" / "tallystick"


def test_a_user_without_a_home_gets_a_folder_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setenv("HOME", "/nonexistent")
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    assert load_stack().state_dir.is_relative_to(Path(tempfile.gettempdir()))


def test_as_root_the_state_lies_where_the_database_user_can_reach_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert load_stack().state_dir == Path("/var/lib/tallystick")
