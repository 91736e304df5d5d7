"""docker-compose.yml: valid by the compose schema, and in step with what the local stack runs."""

import re
import subprocess
import sys
from typing import Any

import pytest
import yaml

from infra.kafka.jars import kafka_version
from infra.settings import StackSettings, variable
from infra.stack.house import REPOSITORY, House

COMPOSE = REPOSITORY / "docker-compose.yml"


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    return dict(yaml.safe_load(COMPOSE.read_text())["services"])


def test_it_follows_the_compose_schema() -> None:
    command = (sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(COMPOSE))
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_there_is_one_service_for_each_process_of_a_house(services: dict[str, Any]) -> None:
    ours = {name: service["command"] for name, service in services.items() if name not in ("kafka", "postgres")}
    assert ours == {process.name: ["python", "-m", process.module] for process in House().processes}


def test_every_service_has_a_health_check(services: dict[str, Any]) -> None:
    assert [name for name, service in services.items() if "healthcheck" not in service] == []


def test_the_servers_are_the_versions_of_the_local_stack(services: dict[str, Any]) -> None:
    assert services["kafka"]["image"] == f"apache/kafka:{kafka_version()}"
    assert services["postgres"]["image"] == "postgres:18"


def test_every_variable_of_ours_is_a_setting(services: dict[str, Any]) -> None:
    known = {variable(field) for field in StackSettings.model_fields}
    for process in House().processes:
        assert set(services[process.name]["environment"]) <= known


def test_no_password_is_written_down_or_has_a_default() -> None:
    uses = re.findall(r"\$\{[^}]*\}", COMPOSE.read_text())
    assert uses
    assert all(use.startswith("${POSTGRES_PASSWORD:?") for use in uses), uses


def test_only_this_machine_reaches_the_published_ports(services: dict[str, Any]) -> None:
    ports = [port for service in services.values() for port in service.get("ports", ())]
    assert [port for port in ports if not port.startswith("127.0.0.1:")] == []
