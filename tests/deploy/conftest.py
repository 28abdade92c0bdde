"""nginx before two servers that answer as they are told to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.deploy.front import NGINX, Front
from tests.deploy.origin import Origin, image


@pytest.fixture
def origins() -> Iterator[list[Origin]]:
    servers = [Origin(), Origin()]
    for server in servers:
        server.answer = lambda _: image()
        server.open()
    yield servers
    for server in servers:
        server.close()


@pytest.fixture
def start(tmp_path: Path, origins: list[Origin]) -> Iterator[Callable[..., Front]]:
    if NGINX is None:
        pytest.skip("needs nginx: apt install nginx")
    running: list[Front] = []

    def begin(**values: str) -> Front:
        front = Front(tmp_path / "nginx", origins, **values)
        front.start()
        running.append(front)
        return front

    yield begin
    for front in running:
        front.stop()


@pytest.fixture
def front(start: Callable[..., Front]) -> Front:
    return start()
