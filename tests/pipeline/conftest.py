from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.pool import PoolConfig, RenderPool
from tests.pipeline.pools import PATIENT_SECONDS, MakePool


@pytest.fixture
def make_pool() -> Iterator[MakePool]:
    pools: list[RenderPool] = []

    def make(*, processes: int = 1, timeout_seconds: float = PATIENT_SECONDS, **rest: Any) -> RenderPool:
        pools.append(RenderPool(PoolConfig(processes=processes, timeout_seconds=timeout_seconds, **rest)))
        return pools[-1]

    yield make
    for pool in pools:
        pool.stop()


@pytest.fixture(scope="module")
def calm_pool() -> Iterator[RenderPool]:
    """For tasks that do their child no harm."""
    pool = RenderPool(PoolConfig(processes=1))
    yield pool
    pool.stop()


@pytest.fixture
def fifo(tmp_path: Path) -> Path:
    path = tmp_path / "fifo"
    os.mkfifo(path)
    return path
