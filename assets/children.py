"""The one render pool of this process, made on first use from the settings."""

from __future__ import annotations

import os
import threading

from django.conf import settings

from pipeline.limits import Limits
from pipeline.pool import PoolConfig, RenderPool

_lock = threading.Lock()
_pool: RenderPool | None = None


def limits() -> Limits:
    config = settings.CONFIG
    return Limits(
        max_megapixels=config.limit_megapixels,
        max_pages=config.limit_pages,
        max_output_side=config.limit_output_side,
        max_output_megapixels=config.limit_output_megapixels,
    )


def render_pool() -> RenderPool:
    global _pool
    with _lock:
        if _pool is None:
            config = settings.CONFIG
            _pool = RenderPool(
                PoolConfig(
                    processes=config.render_processes or os.cpu_count() or 1,
                    timeout_seconds=config.render_timeout_seconds,
                    queue_limit=config.render_queue,
                    memory_budget_mb=config.render_memory_mb,
                    limits=limits(),
                    render_log=config.render_log or None,
                )
            )
        return _pool


def find_pool() -> RenderPool | None:
    """This will give the pool if there is one, and start nothing."""
    return _pool


def stop() -> None:
    """This will end the children, if there are any; the next use starts new ones."""
    global _pool
    with _lock:
        if _pool is not None:
            _pool.stop()
            _pool = None
