from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from assets.origins.absent import ABSENT
from tests.assets.origins.site import Site, running
from tests.delivery.world import configure


@pytest.fixture(autouse=True)
def _nothing_is_known_to_be_absent() -> None:
    ABSENT.forget()


@pytest.fixture
def site() -> Iterator[Site]:
    """A site that is the origin `shop`, and may be on loopback."""
    with running() as site:
        configure(
            origins=(("shop", f"{site.url}/media"),),
            origins_private_networks=("127.0.0.0/8",),
            origins_timeout_seconds=5.0,
        )
        yield site


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder that is the origin `scans`."""
    root = tmp_path / "scans"
    root.mkdir()
    configure(origins=(("scans", f"file://{root}"),))
    return root
