"""What `docker-compose.yml` leans on in this repository: commands, mounted files, nginx's template."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from django.core.management import get_commands

from tests.deploy import compose


@pytest.fixture
def services(tmp_path: Path) -> dict[str, Any]:
    found: dict[str, Any] = compose.read(compose.secrets_of(tmp_path))["services"]
    return found


def test_the_commands_are_there(services: dict[str, Any]) -> None:
    commands = [each["command"] for each in services.values() if each["image"] == "imgopt:local" and "command" in each]
    assert len(commands) == 4
    for words in commands:
        assert words[:2] == ["python", "manage.py"]
        assert words[2] in get_commands(), words


def test_what_is_mounted_is_there(services: dict[str, Any]) -> None:
    sources = {volume.partition(":")[0] for each in services.values() for volume in each.get("volumes", ())}
    for source in sources:
        if source.startswith("."):
            assert (compose.ROOT / source).exists(), source


def test_the_front_is_given_every_variable_of_its_template(services: dict[str, Any]) -> None:
    template = (compose.ROOT / "deploy" / "nginx.conf").read_text()
    wanted = set(re.findall(r"\$\{(IMGOPT_NGINX_\w+)\}", template))
    assert {name for name in services["nginx"]["environment"] if name.startswith("IMGOPT_")} == wanted
