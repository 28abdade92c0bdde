"""Redis refuses, hangs, is emptied, is full, and comes back: never an error for a client, and soon no call either."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

import pytest
import redis

from delivery.redis_link import MAX_FAILURES, REST_SECONDS
from tests.e2e.server import Server
from tests.e2e.test_drafts import photograph
from tests.faults.asking import figure, sign, upload
from tests.faults.crowd import crowd
from tests.fleet import Fleet, digest_of, fleet
from tests.redis_world import OwnRedis, own_redis
from tests.waiting import wait_until

pytestmark = [pytest.mark.services, pytest.mark.faults, pytest.mark.timeout(300)]

CLIENTS = 12
ROUNDS = 4
WIDTHS = count(100)


@pytest.fixture(scope="module")
def server() -> Iterator[OwnRedis]:
    with own_redis() as server:
        yield server


@pytest.fixture(scope="module")
def machines(tmp_path_factory: pytest.TempPathFactory, server: OwnRedis) -> Iterator[Fleet]:
    folder = tmp_path_factory.mktemp("redis")
    with fleet(folder, redis_port=server.port, IMGOPT_RENDER_PROCESSES="1") as machines:
        yield machines


@pytest.fixture
def image(machines: Fleet) -> str:
    """Each test has bytes of its own: what another one has purged may be purged again a little later."""
    return upload(machines.servers[0], machines.api_key, photograph(300 + next(WIDTHS)))


@pytest.fixture
def client(server: OwnRedis) -> Iterator[Any]:
    """Past the proxy, and in the database that the machines use."""
    with redis.Redis(port=server.port, db=15) as client:
        yield client


def cold(machines: Fleet, image: str) -> str:
    """This will give a URL that nobody has asked for."""
    return sign(machines.servers[0], machines.api_key, image, w=str(next(WIDTHS)), snap="0", fm="webp", q="70")


def variants(client: Any, machines: Fleet) -> int:
    return sum(client.hlen(name) for name in client.scan_iter(f"{machines.redis_prefix}:variants:*"))


def resting(machines: Fleet) -> int:
    return int(sum(figure(server, "imgopt_redis_resting") for server in machines.servers))


def failures(machines: Fleet) -> int:
    return int(sum(figure(server, "imgopt_redis_failures_total") for server in machines.servers))


def refused(machines: Fleet) -> int:
    return int(sum(figure(server, "imgopt_redis_refused_total") for server in machines.servers))


def check_answers(machines: Fleet, image: str, warm: str) -> None:
    """Warm and cold ones, from both machines at once."""
    for _ in range(ROUNDS):
        for url in (warm, cold(machines, image)):
            answers = crowd(machines.servers, url, CLIENTS)
            assert {answer.status for answer in answers} == {200}
            assert len({answer.body for answer in answers}) == 1


def shares(machines: Fleet, image: str) -> bool:
    """Whether what one machine renders lies in Redis, and the other one has it from there."""
    one, two = machines.servers
    url = cold(machines, image)
    assert one.request(url).headers["x-cache"] == "render"
    return two.request(url).headers["x-cache"] == "redis"


def wait_until_shared(machines: Fleet, image: str) -> None:
    """On a busy machine one call may take longer than it is given."""
    wait_until(lambda: shares(machines, image), "what one renders the other has from Redis")


@contextmanager
def outage(begin: Callable[[], object], end: Callable[[], object]) -> Iterator[None]:
    begin()
    try:
        yield
    finally:
        end()


@pytest.mark.parametrize("kind", ["refused", "silent", "stopped"])
def test_redis_is_away_and_comes_back(machines: Fleet, server: OwnRedis, image: str, client: Any, kind: str) -> None:
    begin, end = {
        "refused": (machines.redis.cut, machines.redis.heal),
        "silent": (machines.redis.silence, machines.redis.resume),
        "stopped": (server.freeze, server.thaw),
    }[kind]
    warm = cold(machines, image)
    check_answers_are_right(machines.servers, warm)
    before, start = (failures(machines), refused(machines), machines.redis.connections), time.monotonic()
    with outage(begin, end):
        check_answers(machines, image, warm)
        wait_until(lambda: resting(machines) == 2, "both leave it alone")
        seen = failures(machines) - before[0]
        known = refused(machines)
        answers_before = machines.redis.connections
        check_answers(machines, image, warm)
        took = time.monotonic() - start
    # Some threads may be in the midst of a call when it opens; afterwards one call tries after each rest.
    trials = 2 * (took / REST_SECONDS + 1)
    assert seen <= 2 * (MAX_FAILURES + CLIENTS) + trials
    assert failures(machines) - before[0] - seen <= trials + 2
    assert machines.redis.connections - answers_before <= trials + 2
    assert refused(machines) - known >= 2 * ROUNDS, "they were not even made"
    wait_until(lambda: resting(machines) == 0, "it is used again")
    wait_until_shared(machines, image)


def check_answers_are_right(servers: list[Server], url: str) -> None:
    assert {server.request(url).status for server in servers} == {200}


def test_redis_is_emptied(machines: Fleet, image: str, client: Any) -> None:
    warm = cold(machines, image)
    check_answers_are_right(machines.servers, warm)
    client.flushall()
    check_answers(machines, image, warm)
    assert resting(machines) == 0
    wait_until_shared(machines, image)


def test_redis_is_full(machines: Fleet, image: str, client: Any) -> None:
    """It refuses writes, and is read from all the same."""
    one, two = machines.servers
    known, warm = [cold(machines, image) for _ in range(5)], cold(machines, image)
    for url in known:
        check_answers_are_right([one], url)
    check_answers_are_right([one, two], warm)
    before = variants(client, machines)
    with outage(lambda: client.config_set("maxmemory", "1mb"), lambda: client.config_set("maxmemory", "0")):
        with pytest.raises(redis.exceptions.OutOfMemoryError):
            client.set("anything", "at all")
        check_answers(machines, image, warm)
        assert "redis" in {two.request(url).headers["x-cache"] for url in known}
        assert variants(client, machines) <= before
    wait_until_shared(machines, image)


def test_redis_is_started_anew(machines: Fleet, server: OwnRedis, image: str, client: Any) -> None:
    """With nothing in it: no script, no listener, no lock."""
    warm = cold(machines, image)
    check_answers_are_right(machines.servers, warm)
    server.stop()
    server.start()
    check_answers(machines, image, warm)
    wait_until(lambda: resting(machines) == 0, "it is used again")
    wait_until_shared(machines, image)
    channel = f"{machines.redis_prefix}:purges"
    wait_until(lambda: client.pubsub_numsub(channel)[0][1] == 2, "both listen again")


def test_a_purge_reaches_the_memory_of_another_machine_and_redis(machines: Fleet, image: str, client: Any) -> None:
    one, two = machines.servers
    url = cold(machines, image)
    channel = f"{machines.redis_prefix}:purges"
    wait_until(lambda: client.pubsub_numsub(channel)[0][1] == 2, "both listen")
    wait_until(lambda: two.request(url).headers["x-cache"] == "memory", "it is in two's memory")
    purge(one, machines, image)
    assert not kept(client, machines, image)
    wait_until(lambda: two.request(url).headers["x-cache"] != "memory", "two still has it", seconds=15)


def test_a_purge_while_redis_is_away_reaches_it_when_it_is_back(machines: Fleet, image: str, client: Any) -> None:
    wait_until_shared(machines, image)
    with outage(machines.redis.cut, machines.redis.heal):
        purge(machines.servers[0], machines, image)
        assert kept(client, machines, image)
    wait_until(lambda: not kept(client, machines, image), "the purge comes late")


def purge(server: Server, machines: Fleet, image: str) -> None:
    answer = server.api(f"/api/v1/image/{image}/purge", machines.api_key, method="POST")
    assert answer.status < 300, answer.body


def kept(client: Any, machines: Fleet, image: str) -> bool:
    """Whether Redis has variants of a master."""
    return bool(client.exists(f"{machines.redis_prefix}:variants:{digest_of(machines, image)}"))
