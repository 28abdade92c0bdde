"""nginx before two real servers: restarts and a rotation cost nobody a request, and what has ended is refused."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import psycopg
import pytest

from deploy.stack.whole import Stack, stack
from tests.e2e.server import multipart
from tests.images import encoded, scene
from tests.jobs.services import need
from tests.waiting import wait_until

pytestmark = [pytest.mark.services, pytest.mark.faults, pytest.mark.timeout(300)]

REQUESTS_PER_SECOND = 40
CLIENTS = 8
EVERY_SECONDS = 5.0
POOL = 3
WIDTHS = (320, 480, 640, 800)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    need(5432, 8322)
    folder = tmp_path_factory.mktemp("stack")
    settings: dict[str, Any] = {
        "IMGOPT_DELIVERY_QUALITY": "default",
        "IMGOPT_DELIVERY_DRAFTS": "false",
        "IMGOPT_RENDER_LOG": str(folder / "renders"),
        "IMGOPT_APIKEYS_RATE": "1000",
        "IMGOPT_APIKEYS_BURST": "1000",
        "IMGOPT_DELIVERY_CDN_SECONDS": "2",
        "IMGOPT_DATABASE_POOL": str(POOL),
    }
    with stack(folder, workers=0, **settings) as found:
        yield found


def test_restarts_and_a_rotation_cost_no_request_and_no_render(running: Stack) -> None:
    """SIGTERM of one of two servers every five seconds, at 40 requests a second, a third of them past nginx's cache."""
    image, earlier = upload(running), len(renders(running))
    targets = [sign(running, image, w=str(width), fm="webp", q="60") for width in WIDTHS]
    assert {running.request(target).status for target in targets} == {200}
    rendered = renders(running)
    assert len(rendered) - earlier == len(WIDTHS)
    # Expiring URLs of the same variants: every one of them is a server's to answer.
    expiring = [sign(running, image, expires_in=600, w=str(width), fm="webp", q="60") for width in WIDTHS]

    with load(running, [*targets, *expiring]) as seen:
        before = [running.processes.pid(name) for name in running.server_names]
        for name in running.server_names:
            begun_at = time.monotonic()
            running.processes.end(name)
            running.start_server(name)
            running.wait_for_server(name)
            running.manage("signing_key", "rotate")
            time.sleep(max(0.0, EVERY_SECONDS - (time.monotonic() - begun_at)))
        running.roll()  # the same by the stack's own command
        after = [running.processes.pid(name) for name in running.server_names]
        wait_until(lambda: seen.answers.total() > 10 * REQUESTS_PER_SECOND)

    assert None not in after
    assert not {*before} & {*after}
    assert seen.faults == []
    assert set(seen.answers) == {200}
    assert {"cdn", "memory"} <= set(seen.tiers)
    fresh = [sign(running, image, w=str(width), fm="webp", q="60") for width in WIDTHS]
    assert not {*fresh} & {*targets}, "the new key signs"
    assert {running.request(target).status for target in [*targets, *fresh]} == {200}
    assert renders(running) == rendered


def test_what_a_server_has_begun_it_finishes(running: Stack) -> None:
    """Renders, and an upload whose client is slow; past nginx, which would ask the other server."""
    name, port = running.server_names[0], running.plan.servers[0]
    image = upload(running)
    cold = [sign(running, image, w=str(width), fm="avif", q="auto", snap="0") for width in (700, 701, 702)]
    statuses: list[int] = []
    threads = [
        threading.Thread(target=lambda each=each: statuses.append(running.request(each, port=port).status))
        for each in cold
    ]
    begun = len(renders(running))
    for thread in threads:
        thread.start()
    wait_until(lambda: len(renders(running)) > begun)
    running.processes.end(name)
    for thread in threads:
        thread.join()
    assert statuses == [200] * len(cold)
    running.start_server(name)
    running.wait_for_server(name)


def test_a_revoked_key_is_refused_through_nginx_within_a_minute(running: Stack) -> None:
    image = upload(running)
    target = sign(running, image, w="320", fm="webp", q="60")
    kid = newest_key(running)
    assert [running.request(target).status for _ in range(2)] == [200, 200]
    assert running.request(target).headers["x-cache"] == "cdn"
    running.manage("signing_key", "rotate")
    running.manage("signing_key", "revoke", kid)
    # With the two seconds of this stack in the place of the default's fifty.
    wait_until(lambda: running.request(target).status == 403, seconds=30)
    time.sleep(0.5)
    assert {running.request(target).status for _ in range(20)} == {403}


def test_an_expiring_url_is_refused_after_its_time_straight_and_through_nginx(running: Stack) -> None:
    """Warm everywhere: in both servers' memories, and the same picture in nginx under a URL that does not expire."""
    image = upload(running)
    params: dict[str, Any] = {"w": "320", "fm": "webp", "q": "60"}
    lasting = sign(running, image, **params)
    assert [running.request(lasting).headers["x-cache"] for _ in range(2)] == ["render", "cdn"]
    ports = (None, *running.plan.servers)
    target = sign(running, image, expires_in=10, **params)
    expires_at = int(parse_qs(urlsplit(target).query)["expires"][0])
    for port in ports:
        answer = running.request(target, port=port)
        assert (answer.status, answer.headers["x-cache"] == "cdn") == (200, False)
        assert answer.headers["cache-control"].startswith("private, max-age=")
    time.sleep(max(0.0, expires_at - time.time()))
    for port in ports:
        for _ in range(3):
            answer = running.request(target, port=port)
            assert (answer.status, json.loads(answer.body)["code"]) == (410, "expired")
            assert answer.headers["cache-control"] == "no-store"
    assert running.request(lasting).status == 200


def test_many_who_wait_for_renders_share_a_few_connections(running: Stack) -> None:
    """Both servers together have six; none is held by a request that waits."""
    image = upload(running)
    targets = [sign(running, image, w=str(400 + number), fm="webp", q="60", snap="0") for number in range(40)]
    most = 0
    with ThreadPoolExecutor(len(targets)) as threads:
        begun = [threads.submit(running.request, target) for target in targets]
        while not all(each.done() for each in begun):
            most = max(most, connections(running))
            time.sleep(0.02)
    assert {each.result().status for each in begun} == {200}
    assert 1 <= most <= len(running.server_names) * POOL


def connections(running: Stack) -> int:
    """Of servers: commands and workers are not running here."""
    with psycopg.connect(running.plan.database_url) as connection:
        row = connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'imgopt'"
        ).fetchone()
    assert row is not None
    return int(row[0])


class Seen:
    def __init__(self) -> None:
        self.answers: Counter[int] = Counter()
        self.tiers: Counter[str] = Counter()
        self.faults: list[str] = []


@contextmanager
def load(running: Stack, targets: list[str]) -> Iterator[Seen]:
    """So many requests a second through nginx, by the clock, over connections that are kept."""
    seen, over = Seen(), threading.Event()

    def client(number: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", running.plan.port, timeout=60)
        due, turn = time.monotonic() + number / REQUESTS_PER_SECOND, number
        while not over.is_set():
            time.sleep(max(0.0, due - time.monotonic()))
            due, turn = max(due, time.monotonic() - 1) + CLIENTS / REQUESTS_PER_SECOND, turn + 1
            try:
                connection.request("GET", targets[turn % len(targets)])
                response = connection.getresponse()
                response.read()
            except (OSError, http.client.HTTPException) as error:
                seen.faults.append(repr(error))
                connection.close()
                continue
            seen.answers[response.status] += 1
            seen.tiers[response.headers.get("X-Cache", "none")] += 1
        connection.close()

    threads = [threading.Thread(target=client, args=(number,)) for number in range(CLIENTS)]
    for thread in threads:
        thread.start()
    try:
        yield seen
    finally:
        over.set()
        for thread in threads:
            thread.join()


def call(running: Stack, target: str, document: object) -> dict[str, str]:
    headers = {"Authorization": f"Bearer {running.api_key}", "Content-Type": "application/json"}
    answer = running.request(target, method="POST", body=json.dumps(document).encode(), headers=headers)
    assert answer.status == 200, answer.body
    return dict(json.loads(answer.body))


def sign(running: Stack, image: str, *, expires_in: int | None = None, **params: str) -> str:
    document: dict[str, object] = {"image": image, "params": params}
    if expires_in is not None:
        document["expiresIn"] = expires_in
    parts = urlsplit(call(running, "/api/v1/sign", document)["url"])
    return f"{parts.path}?{parts.query}"


def upload(running: Stack) -> str:
    picture = encoded(scene(1000, 700, seed=len(renders(running)) + 2), "jpeg")
    body, content_type = multipart((("photo.jpg", picture),), {})
    headers = {"Authorization": f"Bearer {running.api_key}", "Content-Type": content_type}
    answer = running.request("/api/v1/images", method="POST", body=body, headers=headers)
    assert answer.status == 201, answer.body
    return str(json.loads(answer.body)[0]["id"])


def newest_key(running: Stack) -> str:
    lines = running.manage("signing_key", "list").split("\n")
    return lines[0].split()[0]


def renders(running: Stack) -> list[str]:
    log = Path(running.plan.settings["IMGOPT_RENDER_LOG"])
    return [line.split()[0] for line in log.read_text().splitlines()] if log.exists() else []
