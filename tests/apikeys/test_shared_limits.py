"""Limits in Redis: the arithmetic of `apikeys.gcra`, exactly, and the machine's own while Redis is away."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as trying
from hypothesis import strategies as st
from pytest_django import Settings

from apikeys import admission
from apikeys.gcra import MAX_BURST, MAX_RATE, MIN_RATE
from apikeys.limits import MemoryLimitStore, SqliteLimitStore
from apikeys.shared_limits import SharedLimitStore
from tests.delivery.world import configure
from tests.proxy import Proxy
from tests.redis_world import own_redis, redis_client

pytestmark = pytest.mark.services

NOW = 1_780_000_000.0


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    proxy = Proxy(6379)
    yield proxy
    proxy.close()


@pytest.fixture
def world(proxy: Proxy) -> Iterator[tuple[Any, str]]:
    with redis_client(f"redis://127.0.0.1:{proxy.port}/15") as found:
        yield found


@pytest.fixture
def own() -> MemoryLimitStore:
    return MemoryLimitStore()


@pytest.fixture
def store(world: tuple[Any, str], own: MemoryLimitStore) -> SharedLimitStore:
    return SharedLimitStore(*world, own)


def count(store: SharedLimitStore, calls: int, *, now: float | None = NOW) -> int:
    return sum(store.admit("a", 0.001, 5, now).admitted for _ in range(calls))


@trying(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rate=st.floats(MIN_RATE, MAX_RATE) | st.sampled_from([3, 7, 0.3, 999.9, MAX_RATE / 3, MIN_RATE, MAX_RATE]),
    burst=st.integers(1, 20) | st.just(MAX_BURST),
    steps=st.lists(st.floats(-100, 100) | st.floats(0, 1e-6) | st.just(0.0), min_size=1, max_size=12),
)
def test_says_to_the_nanosecond_what_the_other_stores_say(
    store: SharedLimitStore, rate: float, burst: int, steps: list[float]
) -> None:
    """Also where the clock is set back and where limits are as slow, fast and deep as they may be."""
    bucket, other, now = uuid.uuid4().hex, MemoryLimitStore(), NOW
    for step in steps:
        now += step
        assert store.admit(bucket, rate, burst, now) == other.admit(bucket, rate, burst, now)


def test_a_bucket_ends_once_it_says_nothing_any_more(store: SharedLimitStore, world: tuple[Any, str]) -> None:
    client, prefix = world
    store.admit("a", 1, 5)
    assert 0 < client.ttl(f"{prefix}:limit:a") <= 63
    store.admit("slow", 0.001, 5)
    assert 1000 < client.ttl(f"{prefix}:limit:slow") <= 1062


def test_a_refusal_writes_nothing(store: SharedLimitStore, world: tuple[Any, str]) -> None:
    """A caller who hammers a spent bucket must not load Redis's replicas and files."""
    client, prefix = world
    count(store, 5)
    client.expire(f"{prefix}:limit:a", 77)
    assert count(store, 3) == 0
    assert client.ttl(f"{prefix}:limit:a") <= 77


def test_what_is_no_bucket_is_an_empty_one(store: SharedLimitStore, world: tuple[Any, str]) -> None:
    client, prefix = world
    client.set(f"{prefix}:limit:a", "not ours")
    assert count(store, 7) == 5


def test_while_redis_is_away_the_machine_counts_by_itself_and_then_all_again(
    store: SharedLimitStore, proxy: Proxy, own: MemoryLimitStore, world: tuple[Any, str]
) -> None:
    assert count(store, 3) == 3
    proxy.cut()
    assert count(store, 9) == 5, "the machine's own bucket"
    assert own._buckets
    proxy.heal()
    breaker = world[0].connection_pool.breaker
    breaker._clock = lambda clock=breaker._clock: clock() + 60
    assert count(store, 9) == 2, "what is left of the bucket of all"


def test_a_full_redis_leaves_it_to_the_machine(own: MemoryLimitStore) -> None:
    with own_redis() as server, server.client() as past, redis_client(server.url) as (client, prefix):
        store = SharedLimitStore(client, prefix, own)
        assert count(store, 1) == 1
        past.config_set("maxmemory", "1mb")
        assert count(store, 9) == 5
        past.config_set("maxmemory", "0")
        assert count(store, 9) == 4


def test_the_settings_choose_the_store(tmp_path: Path, settings: Settings, proxy: Proxy) -> None:
    settings.CONFIG = settings.CONFIG
    assert isinstance(admission.limit_store(), SqliteLimitStore)
    url = f"redis://127.0.0.1:{proxy.port}/15"
    settings.CACHES = {
        **settings.CACHES,
        "shared": {"BACKEND": "django_redis.cache.RedisCache", "LOCATION": url, "OPTIONS": settings.REDIS_OPTIONS},
    }
    configure(redis_url=url)
    store = admission.limit_store()
    assert isinstance(store, SharedLimitStore)
    assert admission.limit_store() is store
    assert isinstance(store._fallback, SqliteLimitStore)
    assert store._fallback.path.parent == tmp_path
