"""Purges told through Redis: heard at once, by others only, whatever comes over the wire, however often it breaks."""

from __future__ import annotations

import json
import queue
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.core.cache import caches
from django_redis import get_redis_connection
from pytest_django import Settings

from delivery import broadcast, purge
from delivery.broadcast import Listener
from delivery.hits import HITS
from delivery.models import Purge
from delivery.purge import KEEP, forget_here, repeat_in_redis
from delivery.redis_link import Client
from delivery.service import Served, VariantService, service
from delivery.tiers.shared import SharedTier
from tests.delivery.world import asked, configure, digest_of, entry, key, raiser
from tests.proxy import Proxy
from tests.redis_world import own_redis, redis_client
from tests.waiting import wait_until

PATIENCE_SECONDS = 30
MASTER = uuid.uuid4()


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    proxy = Proxy(6379)
    yield proxy
    proxy.close()


@pytest.fixture
def shared(proxy: Proxy, settings: Settings) -> Iterator[tuple[Any, str]]:
    """A Redis as the settings name it."""
    url = f"redis://127.0.0.1:{proxy.port}/15"
    with redis_client(url) as (_, prefix):
        settings.CACHES = {
            **settings.CACHES,
            "shared": shared_cache(settings, url),
        }
        configure(redis_url=url, redis_prefix=prefix)
        service.cache_clear()
        client = get_redis_connection("shared")
        yield client, prefix
        client.connection_pool.disconnect()
        del caches["shared"]


def shared_cache(settings: Settings, url: str) -> dict[str, Any]:
    return {
        "BACKEND": "django_redis.cache.RedisCache",
        "LOCATION": url,
        "OPTIONS": {**settings.REDIS_OPTIONS, "SOCKET_TIMEOUT": 5.0, "SOCKET_CONNECT_TIMEOUT": 5.0},
    }


Heard = queue.Queue[tuple[list[uuid.UUID], list[str]]]


@contextmanager
def listening() -> Iterator[Heard]:
    heard: Heard = queue.Queue()
    listener = Listener(lambda ids, digests: heard.put((ids, digests)))
    thread = threading.Thread(target=listener.run)
    thread.start()
    try:
        yield heard
    finally:
        listener.end()
        thread.join(PATIENCE_SECONDS)
        assert not thread.is_alive()


def wait_for_listener(client: Any) -> None:
    name = broadcast.channel()
    wait_until(lambda: client.pubsub_numsub(name)[0][1] == 1, "nobody listens")


def from_elsewhere(client: Any, **changes: Any) -> None:
    """This will tell what another process would."""
    message = {"from": "another", "masters": [str(MASTER)], "digests": ["d" * 64], **changes}
    client.publish(broadcast.channel(), json.dumps(message))


@pytest.mark.services
def test_what_others_tell_is_heard(shared: tuple[Any, str]) -> None:
    with listening() as heard:
        wait_for_listener(shared[0])
        from_elsewhere(shared[0])
        assert heard.get(timeout=PATIENCE_SECONDS) == ([MASTER], ["d" * 64])


@pytest.mark.services
def test_what_is_told_here_is_heard_by_others_only(shared: tuple[Any, str]) -> None:
    with listening() as heard:
        wait_for_listener(shared[0])
        broadcast.tell([MASTER], ["own"])
        from_elsewhere(shared[0], masters=[], digests=["others"])
        assert heard.get(timeout=PATIENCE_SECONDS) == ([], ["others"])
        assert heard.empty()


@pytest.mark.services
@pytest.mark.parametrize(
    "nonsense",
    [b"", b"\xff\xfe", b"[]", b"17", b"{}", b'{"from": 1, "masters": ["no id"], "digests": []}', b'{"from": "x"}'],
)
def test_nonsense_is_nothing_and_ends_nothing(shared: tuple[Any, str], nonsense: bytes) -> None:
    with listening() as heard:
        wait_for_listener(shared[0])
        shared[0].publish(broadcast.channel(), nonsense)
        from_elsewhere(shared[0], digests=["after"])
        assert heard.get(timeout=PATIENCE_SECONDS)[1] == ["after"]


@pytest.mark.services
def test_it_listens_again_when_redis_is_back(
    shared: tuple[Any, str], proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broadcast, "RETRY_SECONDS", 0.05)
    with listening() as heard, redis_client() as (past_the_proxy, _):
        wait_for_listener(past_the_proxy)
        proxy.cut()
        wait_until(lambda: past_the_proxy.pubsub_numsub(broadcast.channel())[0][1] == 0, "still heard")
        proxy.heal()
        wait_for_listener(past_the_proxy)
        from_elsewhere(past_the_proxy)
        assert heard.get(timeout=PATIENCE_SECONDS)[0] == [MASTER]


@pytest.mark.services
def test_a_line_that_is_dead_without_saying_so_is_given_up(
    shared: tuple[Any, str], proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, seconds in (("WAIT_SECONDS", 0.05), ("QUIET_SECONDS", 0.2), ("RETRY_SECONDS", 0.05)):
        monkeypatch.setattr(broadcast, name, seconds)
    with listening() as heard, redis_client() as (past_the_proxy, _):
        wait_for_listener(past_the_proxy)
        before = proxy.connections
        proxy.silence()
        wait_until(lambda: proxy.connections > before, "the dead line is kept")
        proxy.resume()
        wait_until(lambda: from_elsewhere(past_the_proxy) or not heard.empty(), "not heard")  # type: ignore[func-returns-value]


@pytest.mark.services
def test_a_quiet_line_that_lives_is_kept(
    shared: tuple[Any, str], proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, seconds in (("WAIT_SECONDS", 0.02), ("QUIET_SECONDS", 1.0)):
        monkeypatch.setattr(broadcast, name, seconds)
    pings = threading.Semaphore(0)
    with listening(), redis_client() as (past_the_proxy, _):
        wait_for_listener(past_the_proxy)
        before = proxy.connections
        monkeypatch.setattr("redis.client.PubSub.ping", counted(pings))
        for _ in range(3):  # it would be given up after two
            assert pings.acquire(timeout=PATIENCE_SECONDS)
        assert proxy.connections == before


def counted(pings: threading.Semaphore) -> Any:
    from redis.client import PubSub

    real = PubSub.ping

    def ping(self: PubSub, *arguments: Any) -> Any:
        pings.release()
        return real(self, *arguments)

    return ping


def test_without_redis_nothing_is_told_and_nobody_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threading.Thread, "start", raiser("a thread"))
    broadcast.listen(forget_here)
    broadcast.tell([MASTER], ["d"])


@pytest.mark.services
@pytest.mark.django_db
def test_telling_fails_silently_while_redis_is_away(shared: tuple[Any, str], proxy: Proxy) -> None:
    proxy.cut()
    for _ in range(5):
        purge.publish([MASTER], [digest_of("shoe")])
    assert Purge.objects.count() == 5


def test_what_is_heard_is_forgotten_in_memory_and_by_the_edge(monkeypatch: pytest.MonkeyPatch) -> None:
    service().memory.put(key(), entry())
    service().memory.put(key("boot"), entry())
    epoch = HITS.epoch
    forget_here([MASTER], [key().digest])
    assert service().memory.get(key()) is None
    assert service().memory.get(key("boot")) is not None
    assert not HITS.is_current([MASTER], epoch), "what renders now is not kept"


def of_service() -> tuple[VariantService, SharedTier]:
    subject = service()
    assert subject.shared is not None
    return subject, subject.shared


@pytest.mark.services
@pytest.mark.django_db
def test_what_was_purged_while_redis_was_away_is_purged_there_when_it_is_back(
    shared: tuple[Any, str], proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, tier = of_service()
    for name in ("shoe", "boot"):
        tier.put(key(name), entry(name))
    proxy.cut()
    purge.publish([MASTER], [digest_of("shoe")])
    proxy.heal()
    assert tier.get(key("shoe")) is not None
    repeat_in_redis()
    assert tier.get(key("shoe")) is None
    assert tier.get(key("boot")) is not None
    monkeypatch.setattr(tier, "answers", raiser("Redis"))
    repeat_in_redis()


@pytest.mark.services
@pytest.mark.django_db
def test_while_it_is_still_away_the_trouble_is_not_settled(shared: tuple[Any, str], proxy: Proxy) -> None:
    _, tier = of_service()
    proxy.cut()
    assert tier.answers() is False
    repeat_in_redis()
    assert tier.breaker.troubled_at is not None


@pytest.mark.services
@pytest.mark.django_db
def test_what_a_redis_that_writes_nothing_refused_is_purged_when_it_writes_again(settings: Settings) -> None:
    """A replica, or one whose disk is full, answers every ping; the pulse has other things to do meanwhile."""
    with own_redis() as server, server.client() as past:
        configure(redis_url=server.url, redis_prefix="tests")
        settings.CACHES = {**settings.CACHES, "shared": shared_cache(settings, server.url)}
        service.cache_clear()
        _, tier = of_service()
        tier.put(key(), entry())
        past.execute_command("REPLICAOF", "127.0.0.1", "1")
        purge.publish([MASTER], [digest_of("shoe")])
        repeat_in_redis()
        assert tier.get(key()) is not None
        past.execute_command("REPLICAOF", "NO", "ONE")
        repeat_in_redis()
        assert tier.get(key()) is None
        assert tier.breaker.troubled_at is None
        get_redis_connection("shared").connection_pool.disconnect()
        del caches["shared"]


@pytest.mark.services
@pytest.mark.django_db
def test_after_an_outage_longer_than_purges_are_known_the_tier_is_emptied(
    shared: tuple[Any, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, tier = of_service()
    tier.put(key(), entry())
    tier.breaker.failed()
    tier.breaker.troubled_at = time.time() - KEEP.total_seconds() - 1
    repeat_in_redis()
    assert tier.get(key()) is None


@pytest.mark.services
def test_a_final_in_redis_costs_one_call_and_a_draft_is_asked_for_in_the_storage_too(
    shared: tuple[Any, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    subject, tier = of_service()
    request = asked()
    tier.put(request.key, entry("final"))
    calls: list[str] = []
    real = Client._execute_command

    def counting(self: Client, *arguments: Any, **options: Any) -> Any:
        calls.append(str(arguments[0]))
        return real(self, *arguments, **options)

    monkeypatch.setattr(Client, "_execute_command", counting)
    assert subject.fetch(request) == Served(entry("final"), "redis")
    assert calls == ["HMGET"]
    assert subject.fetch(request).tier == "memory"
    subject.purge(request.key.digest)
    tier.put(request.key, entry("draft", provisional=True))
    subject.lasting[-1].put(request.key, entry("final"))
    assert subject.fetch(request) == Served(entry("final"), "storage")


@pytest.mark.services
def test_the_service_has_redis_before_its_storage(shared: tuple[Any, str]) -> None:
    subject, tier = of_service()
    assert [each.name for each in subject.lasting] == ["redis", "storage"]
    assert subject.lasting[0].tier is tier  # type: ignore[attr-defined]
    assert subject._flight._shared is not None
