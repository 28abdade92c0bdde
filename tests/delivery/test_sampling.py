"""What is only true of the moment is written down, and masters are counted once they are there."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from django.db import transaction

from assets import children
from delivery import sampling
from delivery.counters import HIT_TALLY, REGISTRY
from delivery.sampling import INTERVAL_SECONDS, Sampler
from delivery.service import service
from delivery.tiers.guard import MAX_ERRORS, Guarded
from pipeline.pool import PoolCounters
from pipeline.version import fingerprint
from tests.delivery.world import DictTier, entry, key, master, saved


def value(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


class Pool:
    waiting, running = 3, 2

    def __init__(self) -> None:
        self.counters = PoolCounters()


@pytest.fixture
def pool(monkeypatch: pytest.MonkeyPatch) -> Pool:
    pool = Pool()
    monkeypatch.setattr(children, "find_pool", lambda: pool)
    return pool


def test_a_scrape_is_right_within_two_seconds() -> None:
    assert INTERVAL_SECONDS < 2


def test_the_memory_tier_is_told_as_it_is() -> None:
    service().memory.put(key(), entry(size=5000))
    Sampler().sample()
    assert value("imgopt_memory_tier_entries") == 1
    assert value("imgopt_memory_tier_bytes") == service().memory.byte_size > 5000
    service().memory.purge(key().digest)
    Sampler().sample()
    assert value("imgopt_memory_tier_entries") == value("imgopt_memory_tier_bytes") == 0


def test_without_a_pool_none_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("assets.children._pool", None)
    Sampler().sample()
    assert children.find_pool() is None
    assert value("imgopt_renders_waiting") == value("imgopt_renders_running") == 0


def test_the_pool_is_told_as_it_is_and_its_losses_are_added_up(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("crashes", "timeouts", "restarts")
    before = [value(f"imgopt_render_child_{name}_total") for name in names]
    sampler = Sampler()

    def grown() -> list[float]:
        sampler.sample()
        now = [value(f"imgopt_render_child_{name}_total") for name in names]
        return [new - old for new, old in zip(now, before, strict=True)]

    assert grown() == [0, 0, 0]
    assert (value("imgopt_renders_waiting"), value("imgopt_renders_running")) == (3, 2)
    pool.counters = PoolCounters(tasks=9, crashes=2, timeouts=1, restarts=4)
    assert grown() == [2, 1, 4]
    assert grown() == [2, 1, 4], "nothing is added twice"
    pool.counters = replace(pool.counters, crashes=3)
    assert grown() == [3, 1, 4]
    another = Pool()
    another.counters = PoolCounters(crashes=1)
    monkeypatch.setattr(children, "find_pool", lambda: another)
    assert grown() == [4, 1, 4], "another pool counts from 0"


def test_errors_of_a_tier_are_counted_and_a_sick_one_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = DictTier("redis")
    broken.error = ConnectionError("away")
    now = 100.0
    tier = Guarded(broken, clock=lambda: now)
    monkeypatch.setattr(service(), "lasting", [tier])
    before = value("imgopt_tier_errors_total", tier="redis", call="get")
    Sampler().sample()
    assert value("imgopt_tier_resting", tier="redis") == 0
    for _ in range(MAX_ERRORS + 2):
        tier.get(key())
    assert value("imgopt_tier_errors_total", tier="redis", call="get") == before + MAX_ERRORS, "then it is left alone"
    Sampler().sample()
    assert value("imgopt_tier_resting", tier="redis") == 1
    now += 60
    broken.error = None
    assert tier.get(key()) is None
    Sampler().sample()
    assert value("imgopt_tier_resting", tier="redis") == 0


@pytest.mark.django_db(transaction=True)
def test_masters_are_counted_once_they_are_there() -> None:
    def figures() -> tuple[float, float]:
        return (
            value("imgopt_masters_created_total", format="jpeg"),
            value("imgopt_masters_created_bytes_total", format="jpeg"),
        )

    count, size = figures()
    shoe = saved(master("shoe", byte_size=1234))
    assert figures() == (count + 1, size + 1234)
    shoe.original_name = "boot"
    shoe.save()
    with transaction.atomic():
        saved(master("boot"))
        transaction.set_rollback(True)
    assert figures() == (count + 1, size + 1234)


def test_starting_says_that_the_process_is_there_and_goes_on_in_the_background(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    threads: list[dict[str, Any]] = []
    at_exit: list[Any] = []

    class Thread:
        def __init__(self, **options: Any) -> None:
            threads.append(options)

        def start(self) -> None:
            threads[-1]["started"] = True

    monkeypatch.setattr("delivery.sampling.threading.Thread", Thread)
    monkeypatch.setattr("delivery.sampling.Finalize", lambda _of, work, *, exitpriority: at_exit.append(work))
    sampling.start("1.2.3")
    [thread] = threads
    assert (thread["started"], thread["daemon"]) == (True, True)
    assert value("imgopt_server_processes") == 1
    assert value("imgopt_process_start_time_seconds") > 1e9
    assert value("imgopt_build_info", version="1.2.3", pipeline=fingerprint()) == 1
    HIT_TALLY.add(10, 5)
    before = value("imgopt_variant_sent_bytes_total")
    [flush] = at_exit
    flush()
    assert value("imgopt_variant_sent_bytes_total") == before + 10, "the last hits count too"
