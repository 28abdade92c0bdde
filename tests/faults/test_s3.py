"""S3 refuses, hangs, is slow, breaks off, and gives wrong bytes, under a running server."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from assets.models import Blob
from tests.e2e.server import Server, multipart
from tests.faults.asking import Picture, figure, is_refused_for_now, photograph, prune, uploaded, url_of
from tests.fleet import Fleet, fleet, objects, rows, s3_client
from tests.proxy import Proxy
from tests.waiting import wait_until

pytestmark = [pytest.mark.services, pytest.mark.faults, pytest.mark.timeout(240)]

TIMEOUT_SECONDS = 2.5
DEADLINE_SECONDS = 3 * 5.0
"""Three times what a cold request may take with the settings as they come."""
seeds = itertools.count(100)


@pytest.fixture(scope="module")
def machines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    folder = tmp_path_factory.mktemp("fleet")
    with fleet(folder, servers=1, IMGOPT_S3_TIMEOUT_SECONDS=str(TIMEOUT_SECONDS)) as machines:
        assert machines.api_key
        yield machines


@pytest.fixture
def server(machines: Fleet) -> Iterator[Server]:
    yield machines.servers[0]
    machines.s3.heal()
    wait_until(lambda: machines.servers[0].request("/readyz").status == 200)


def fresh(machines: Fleet) -> tuple[Picture, str]:
    """A master that nobody has asked for yet, and where to ask for it."""
    [server] = machines.servers
    picture = uploaded(server, machines.api_key, next(seeds))
    return picture, url_of(server, machines.api_key, picture)


def replace(server: Server, key: str, picture: Picture, body: bytes) -> int:
    form, content_type = multipart((("now.jpg", body),), {})
    headers = {"Authorization": f"Bearer {key}", "Content-Type": content_type}
    return server.request(f"/api/v1/image/{picture.id}", method="PUT", body=form, headers=headers).status


def blobs(machines: Fleet) -> set[str]:
    """The names that the stored masters should have."""
    return {Blob(id=found).storage_name for (found,) in rows(machines, "select id from assets_blob")}


def slow(proxy: Proxy) -> None:
    proxy.delay_seconds = 5.0


def breaking_off(proxy: Proxy) -> None:
    """Head and beginning of a body come, again and again."""
    proxy.cut_after = 4000


FAULTS: dict[str, Callable[[Proxy], None]] = {
    "refused": Proxy.cut,
    "hanging": Proxy.silence,
    "5 seconds slow": slow,
    "cut mid-body": breaking_off,
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=list(FAULTS))
def test_what_is_warm_is_served_and_what_is_cold_is_refused_in_time(
    machines: Fleet, server: Server, fault: Callable[[Proxy], None]
) -> None:
    warm, warm_url = fresh(machines)
    cold, cold_url = fresh(machines)
    assert server.request(warm_url).status == 200
    before, stored = rows(machines, "select count(*) from assets_master"), objects(machines.buckets[0])

    fault(machines.s3)
    begun = time.monotonic()
    assert is_refused_for_now(server.request(cold_url))
    assert time.monotonic() - begun < DEADLINE_SECONDS
    with ThreadPoolExecutor(8) as pool:  # a crowd is no worse off
        begun = time.monotonic()
        assert all(map(is_refused_for_now, pool.map(server.request, [cold_url] * 8)))
        assert time.monotonic() - begun < DEADLINE_SECONDS
    assert server.request(warm_url).status == 200
    answer = server.upload(machines.api_key, ("new.jpg", photograph(next(seeds))))
    if fault is not breaking_off:  # its answers are short enough to come whole
        assert is_refused_for_now(answer)
        assert rows(machines, "select count(*) from assets_master") == before

    machines.s3.heal()
    wait_until(lambda: server.request(cold_url).status == 200)
    assert cold.is_shown_by(server.request(cold_url))
    assert warm.is_shown_by(server.request(warm_url))
    assert objects(machines.buckets[0]) >= stored
    prune(server)
    assert objects(machines.buckets[0]) == blobs(machines), "no row without its file, no file without its row"


def test_a_tenth_of_refusals_is_felt_by_nobody(machines: Fleet, server: Server) -> None:
    machines.s3.refusing_share = 0.1
    before = len(rows(machines, "select id from assets_master"))
    for _ in range(12):
        picture, url = fresh(machines)
        answer = server.request(url)
        assert answer.status == 200
        assert picture.is_shown_by(answer)
    assert len(rows(machines, "select id from assets_master")) == before + 12
    assert objects(machines.buckets[0]) == blobs(machines)


def test_wrong_bytes_of_a_master_are_shown_to_nobody_and_kept_nowhere(machines: Fleet, server: Server) -> None:
    """Somebody has put another picture, a half one and nonsense in the place of three masters."""
    masters, variants = machines.buckets
    other, _ = fresh(machines)
    spoilt = {
        "another's": lambda body: other.body,
        "half": lambda body: body[: len(body) // 2],
        "changed": lambda body: body[:-40] + bytes([body[-40] ^ 1]) + body[-39:],
    }
    client = s3_client()
    for name, change in spoilt.items():
        picture, url = fresh(machines)
        [(blob_id, digest)] = rows(
            machines,
            "select b.id, b.digest from assets_blob b, assets_master m "
            f"where b.id = m.blob_id and m.id = '{picture.id}'",
        )
        stored = Blob(id=blob_id).storage_name
        client.put_object(Bucket=masters, Key=stored, Body=change(picture.body))
        before = figure(server, 'imgopt_damaged_entries_total{tier="masters"}')
        assert is_refused_for_now(server.request(url)), name
        download = server.request(f"/image/{picture.id}", headers={"Authorization": f"Bearer {machines.api_key}"})
        assert is_refused_for_now(download), name
        assert figure(server, 'imgopt_damaged_entries_total{tier="masters"}') == before + 2
        assert not [each for each in objects(variants) if digest in each]
        assert not list((server.data_dir / "masters-cache").glob(f"*/{digest}"))
        healed = server.upload(machines.api_key, ("again.jpg", picture.body))
        assert healed.status == 201, healed.body
        answer = server.request(url)
        assert answer.status == 200
        assert picture.is_shown_by(answer)
    client.close()


def test_a_burst_of_widths_fetches_the_master_once(machines: Fleet, server: Server, tmp_path: Path) -> None:
    picture = uploaded(server, machines.api_key, next(seeds), 1600)
    urls = [url_of(server, machines.api_key, picture, w=str(width)) for width in (160, 320, 480, 640, 800, 960, 1200)]
    [(blob_id,)] = rows(machines, f"select blob_id from assets_master where id = '{picture.id}'")
    machines.s3.asked.clear()
    with ThreadPoolExecutor(len(urls)) as pool:
        assert {answer.status for answer in pool.map(server.request, urls)} == {200}
    fetched = [line for line in machines.s3.asked if line.startswith("GET ") and str(blob_id) in line]
    assert len(fetched) == 1


def test_a_server_killed_in_an_upload_leaves_nothing_that_prune_does_not_find(machines: Fleet, server: Server) -> None:
    """It is killed while S3 has its bytes and it has no answer; S3 may store them afterwards. Before that, masters were
    deleted and replaced."""
    kept, url = fresh(machines)
    (deleted, _), (replaced, its_url) = fresh(machines), fresh(machines)
    assert server.request(its_url).status == 200
    assert server.api(f"/api/v1/image/{deleted.id}", machines.api_key, method="DELETE").status == 204
    now = photograph(next(seeds))
    assert replace(server, machines.api_key, replaced, now) == 200
    machines.s3.asked.clear()
    machines.s3.silence()
    with ThreadPoolExecutor(1) as pool:
        lost = pool.submit(server.upload, machines.api_key, ("lost.jpg", photograph(next(seeds))))
        wait_until(lambda: any(line.startswith("PUT ") for line in machines.s3.asked))
        server.kill()
        assert lost.exception(timeout=60) is not None
    machines.s3.heal()
    server.start()
    s3_client().put_object(Bucket=machines.buckets[0], Key=Blob().storage_name, Body=b"a row's file without its row")
    s3_client().put_object(Bucket=machines.buckets[1], Key=f"ab/{'ab' * 32}/{'cd' * 32}", Body=b"of no master")
    assert "2 orphans removed" in (said := prune(server)) or "3 orphans removed" in said
    assert objects(machines.buckets[0]) == blobs(machines)
    assert "nothing to prune" in prune(server)
    digests = {digest for (digest,) in rows(machines, "select digest from assets_blob")}
    assert {name.split("/")[1] for name in objects(machines.buckets[1])} <= digests
    assert kept.is_shown_by(server.request(url))
    picture = Picture(replaced.id, now)
    assert picture.is_shown_by(server.request(url_of(server, machines.api_key, picture)))
