"""One render among machines, whoever dies, leaves or sleeps meanwhile: real servers with one Redis, S3 and database."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator
from contextlib import closing

import pytest
import redis

from delivery.entry import unpack
from tests.e2e.server import Server, multipart
from tests.e2e.test_drafts import photograph
from tests.faults.asking import figure, sign, upload
from tests.faults.crowd import asking, crowd, freeze, render_children, thaw
from tests.fleet import Fleet, digest_of, fleet, objects, rows, s3_client
from tests.jobs.crew import REDIS_URL
from tests.waiting import wait_until

pytestmark = [pytest.mark.services, pytest.mark.faults, pytest.mark.timeout(300)]

CLIENTS = 200
LONG = {"w": "1000", "fm": "avif", "refine": "wait"}
"""A search of some seconds."""


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """Two machines of two processes, and a worker on one of them."""
    folder = tmp_path_factory.mktemp("pair")
    with fleet(folder, start=False, IMGOPT_SERVER_WORKERS="2", IMGOPT_RENDER_PROCESSES="1") as machines:
        one, two = machines.servers
        one.environment["IMGOPT_JOBS_WORKERS"] = "1"
        one.start()
        two.start()
        yield machines


def masters(machines: Fleet, width: int) -> str:
    return upload(machines.servers[0], machines.api_key, photograph(width))


def finals_made(machines: Fleet) -> bool:
    states = [state for (state,) in rows(machines, "SELECT state FROM jobs_job WHERE kind = 'refine'")]
    return bool(states) and set(states) == {"done"}


def whole_variants(machines: Fleet) -> list[str]:
    """The names of all variants in S3, each of which was read and found to be whole."""
    bucket, client = machines.buckets[1], s3_client()
    names = sorted(objects(bucket))
    for name in names:
        unpack(name.rpartition("/")[2], client.get_object(Bucket=bucket, Key=name)["Body"].read())
    client.close()
    return names


def stored(machines: Fleet) -> dict[str, tuple[str, str]]:
    """What S3 and Redis hold of each variant, as digests and times that a second write would change."""
    bucket, client = machines.buckets[1], s3_client()
    found = {}
    for name in objects(bucket):
        head = client.head_object(Bucket=bucket, Key=name)
        found[name] = (str(head["ETag"]), str(head["LastModified"]))
    client.close()
    return found


def in_redis(machines: Fleet, name: str) -> bytes | None:
    """What lies in Redis under the name that a variant has in S3."""
    _, digest, variant = name.split("/")
    with redis.Redis.from_url(REDIS_URL) as client:
        found: bytes | None = client.hget(f"{machines.redis_prefix}:variants:{digest}", variant)
        return found


def begun(machines: Fleet, before: int, number: int = 1) -> None:
    wait_until(lambda: len(machines.renders()) == before + number, "a render begun")


def test_two_hundred_requests_make_one_draft_and_one_final(pair: Fleet) -> None:
    one, two = pair.servers
    url = sign(one, pair.api_key, masters(pair, 900), w="640", fm="avif")
    before, there = len(pair.renders()), len(whole_variants(pair))
    answers = crowd([one, two], url, CLIENTS)
    assert {answer.status for answer in answers} == {200}, one.text[-20000:] + two.text[-20000:]
    wait_until(lambda: finals_made(pair), "the final")
    assert len(pair.renders()) == before + 2, "a draft and a final"
    assert len(set(pair.renders()[before:])) == 1
    assert len(whole_variants(pair)) == there + 1
    for server in (one, two):
        wait_until(lambda: "immutable" in server.request(url).headers["cache-control"], "the final's answer")  # noqa: B023


def test_without_redis_each_machine_makes_one(pair: Fleet) -> None:
    one, two = pair.servers
    url = sign(one, pair.api_key, masters(pair, 901), w="640", fm="avif")
    before = len(pair.renders())
    pair.redis.cut()
    try:
        answers = crowd([one, two], url, CLIENTS)
        assert {answer.status for answer in answers} == {200}
        wait_until(lambda: finals_made(pair), "the final")
        assert 2 <= len(pair.renders()) - before <= 3, "two drafts at most, and one final"
    finally:
        pair.redis.heal()
    for server in (one, two):
        wait_until(lambda: figure(server, "imgopt_redis_resting") == 0, "Redis is used again")  # noqa: B023


def test_the_machine_that_renders_is_killed_and_the_other_one_answers(pair: Fleet) -> None:
    one, two = pair.servers
    url = sign(one, pair.api_key, masters(pair, 1300), **LONG)
    before, there = len(pair.renders()), len(whole_variants(pair))
    lost = asking(two, url)
    begun(pair, before)
    waiting = [asking(one, url) for _ in range(6)]
    two.kill()
    assert lost.exception(60) is not None
    answers = [answer.result(120) for answer in waiting]
    assert {answer.status for answer in answers} == {200}
    assert len({answer.body for answer in answers}) == 1
    assert len(pair.renders()) == before + 2, "one that was cut off, and one"
    assert len(whole_variants(pair)) == there + 1
    two.start()
    again = two.request(url)
    assert (again.status, again.body) == (200, answers[0].body)
    assert again.headers["x-cache"] in ("redis", "storage")


def test_the_child_that_renders_is_killed_and_the_other_machine_answers(pair: Fleet) -> None:
    one, two = pair.servers
    url = sign(one, pair.api_key, masters(pair, 1301), **LONG)
    before, there = len(pair.renders()), len(whole_variants(pair))
    crashes = figure(one, "imgopt_render_child_crashes_total")
    first = asking(one, url)
    begun(pair, before)
    waiting = asking(two, url)
    children = render_children(one)
    assert children
    for pid in children:
        os.kill(pid, signal.SIGKILL)
    assert [answer.result(120).status for answer in (first, waiting)] == [200, 200], "it is tried once more"
    assert figure(one, "imgopt_render_child_crashes_total") > crashes, "it was the one that rendered"
    assert len(whole_variants(pair)) == there + 1
    assert one.request(url).status == 200


def test_its_client_leaves_and_the_others_are_answered(pair: Fleet) -> None:
    one, two = pair.servers
    url = sign(one, pair.api_key, masters(pair, 1302), **LONG)
    before = len(pair.renders())
    with closing(socket.create_connection(("127.0.0.1", one.port))) as leaving:
        leaving.sendall(f"GET {url} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
        begun(pair, before)
    waiting = [asking(server, url) for server in (one, two) for _ in range(3)]
    assert {answer.result(120).status for answer in waiting} == {200}
    assert len(pair.renders()) == before + 1


def test_it_sleeps_past_the_lock_and_overwrites_nothing_when_it_wakes(pair: Fleet) -> None:
    one, two = pair.servers
    url = sign(one, pair.api_key, masters(pair, 1303), **LONG)
    before, there = len(pair.renders()), set(whole_variants(pair))
    sleeping = asking(one, url)
    begun(pair, before)
    freeze(one)
    try:
        answer = two.request(url)
        assert answer.status == 200
        [name] = set(whole_variants(pair)) - there
        kept = stored(pair)[name], in_redis(pair, name)
        assert kept[1] is not None
    finally:
        thaw(one)
    late = sleeping.result(120)
    assert late.status == 200
    assert late.headers["etag"] == answer.headers["etag"], "it answers with what came after it"
    assert (stored(pair)[name], in_redis(pair, name)) == kept
    assert "lease lost, not kept" in one.text
    assert len(pair.renders()) == before + 2


def gone(machines: Fleet, digest: str) -> bool:
    """Whether nothing of these bytes is left in the tiers that machines share."""
    with redis.Redis.from_url(REDIS_URL) as client:
        kept = client.exists(f"{machines.redis_prefix}:variants:{digest}")
    return not kept and not [name for name in objects(machines.buckets[1]) if digest in name]


@pytest.mark.parametrize("change", ["deleted", "replaced"])
def test_a_master_changes_while_it_renders_on_another_machine(pair: Fleet, change: str) -> None:
    one, two = pair.servers
    image = masters(pair, 1304 if change == "deleted" else 1305)
    digest = digest_of(pair, image)
    warm = sign(one, pair.api_key, image, fm="webp", q="75", w="400")
    url = sign(one, pair.api_key, image, **LONG)
    old = {server.request(warm).headers["etag"] for server in (one, two)}
    before = len(pair.renders())
    rendering = asking(one, url)
    begun(pair, before)
    if change == "deleted":
        assert two.api(f"/api/v1/image/{image}", pair.api_key, method="DELETE").status in (200, 204)
    else:
        replace(two, pair.api_key, image, photograph(1100))
    wait_until(lambda: old_is_gone(pair.servers, warm, old), "old bytes are still shown", seconds=15)
    assert rendering.result(120).status in (200, 404)
    wait_until(lambda: gone(pair, digest), "old bytes are still kept", seconds=15)
    assert old_is_gone(pair.servers, url, {rendering.result().headers.get("etag", "")})
    if change == "deleted":
        assert {server.request(each).status for server in pair.servers for each in (warm, url)} == {404}
    else:
        assert {server.request(warm).status for server in pair.servers} == {200}
    assert gone(pair, digest), "it rises from the dead"


def old_is_gone(servers: list[Server], url: str, etags: set[str]) -> bool:
    return not {server.request(url).headers.get("etag", "none") for server in servers} & etags


def replace(server: Server, key: str, image: str, photo: bytes) -> None:
    body, content_type = multipart((("new.jpg", photo),), {})
    headers = {"Authorization": f"Bearer {key}", "Content-Type": content_type}
    answer = server.request(f"/api/v1/image/{image}", method="PUT", body=body, headers=headers)
    assert answer.status == 200, answer.body
