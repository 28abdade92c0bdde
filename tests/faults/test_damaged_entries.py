"""Damaged, truncated, swapped and foreign entries, in each tier and among the masters of real servers: found out,
counted, made again, and another master's picture shown to nobody."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pytest
import redis

from tests.e2e.server import Server
from tests.faults.asking import Picture, figure, is_refused_for_now, uploaded, url_of
from tests.fleet import Fleet, fleet, rows, s3_client
from tests.jobs.crew import REDIS_URL

pytestmark = [pytest.mark.services, pytest.mark.faults, pytest.mark.timeout(240)]
seeds = itertools.count(500)

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 200
DAMAGE: dict[str, Callable[[bytes, bytes], bytes]] = {
    "truncated": lambda own, other: own[: len(own) // 2],
    "empty": lambda own, other: b"",
    "a changed bit": lambda own, other: own[:-9] + bytes([own[-9] ^ 1]) + own[-8:],
    "swapped with another master's": lambda own, other: other,
    "another program's": lambda own, other: PNG,
}
damages = pytest.mark.parametrize("damage", DAMAGE.values(), ids=list(DAMAGE))


class Place(Protocol):
    """Where a tier keeps its entries, behind the service's back."""

    def read(self, digest: str) -> tuple[str, bytes]: ...

    def write(self, name: str, data: bytes) -> None: ...


@dataclass
class InRedis:
    client: Any
    prefix: str

    def read(self, digest: str) -> tuple[str, bytes]:
        [(field, data)] = self.client.hgetall(f"{self.prefix}:variants:{digest}").items()
        return f"{digest}/{field.decode()}", data

    def write(self, name: str, data: bytes) -> None:
        digest, field = name.split("/")
        self.client.hset(f"{self.prefix}:variants:{digest}", field, data)


@dataclass
class InBucket:
    client: Any
    bucket: str

    def read(self, digest: str) -> tuple[str, bytes]:
        [found] = self.client.list_objects_v2(Bucket=self.bucket, Prefix=f"{digest[:2]}/{digest}/")["Contents"]
        return found["Key"], self.client.get_object(Bucket=self.bucket, Key=found["Key"])["Body"].read()

    def write(self, name: str, data: bytes) -> None:
        self.client.put_object(Bucket=self.bucket, Key=name, Body=data)


@dataclass
class OnDisk:
    folder: Path

    def read(self, digest: str) -> tuple[str, bytes]:
        [path] = (self.folder / digest[:2] / digest).iterdir()
        return str(path), path.read_bytes()

    def write(self, name: str, data: bytes) -> None:
        Path(name).write_bytes(data)


@pytest.fixture(scope="module")
def machines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    with fleet(tmp_path_factory.mktemp("fleet"), servers=2) as machines:
        yield machines


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, str]]:
    """A server on a disk, without a memory tier that would answer before it, and its key."""
    server = Server(tmp_path_factory.mktemp("alone"), {"IMGOPT_DELIVERY_MEMORY_MB": "0", "IMGOPT_JOBS_WORKERS": "0"})
    server.start()
    yield server, server.api_key
    server.stop()


def digest_of(server: Server, key: str, picture: Picture) -> str:
    return str(server.api(f"/api/v1/image/{picture.id}", key).json["digest"])


def is_mended(first: Server, then: Server, key: str, tier: str, place: Place, damage: Any, before: Any) -> None:
    """One machine renders two pictures; then one's entry is spoilt, and a machine that has it not in memory is asked.

    `before` is done to the digest before it is asked.
    """
    own, other = (uploaded(first, key, next(seeds)) for _ in range(2))
    digests = [digest_of(first, key, each) for each in (own, other)]
    urls = [url_of(first, key, each) for each in (own, other)]
    assert [first.request(url).status for url in urls] == [200, 200]
    name, data = place.read(digests[0])
    _, others = place.read(digests[1])
    before(digests[0])
    place.write(name, damage(data, others))
    found = figure(then, f'imgopt_damaged_entries_total{{tier="{tier}"}}')
    answer = then.request(urls[0])
    assert answer.status == 200, answer.body
    assert own.is_shown_by(answer)
    assert not other.is_shown_by(answer)
    assert figure(then, f'imgopt_damaged_entries_total{{tier="{tier}"}}') == found + 1
    again, mended = place.read(digests[0])
    assert (again, picture_in(mended)) == (name, picture_in(data)), "made again, or copied from a slower tier"
    assert other.is_shown_by(then.request(urls[1]))


def picture_in(data: bytes) -> bytes:
    """An entry without its head, which tells how long the render took."""
    return data.split(b"\n", 2)[2]


@damages
def test_in_redis(machines: Fleet, damage: Any) -> None:
    one, two = machines.servers
    with redis.Redis.from_url(REDIS_URL) as client:
        place = InRedis(client, machines.redis_prefix)
        is_mended(one, two, machines.api_key, "redis", place, damage, lambda _: None)


@damages
def test_in_s3(machines: Fleet, damage: Any) -> None:
    one, two = machines.servers
    place = InBucket(s3_client(), machines.buckets[1])
    with redis.Redis.from_url(REDIS_URL) as client:

        def only_s3_has_it(digest: str) -> None:
            client.delete(f"{machines.redis_prefix}:variants:{digest}")

        is_mended(one, two, machines.api_key, "storage", place, damage, only_s3_has_it)
    place.client.close()


@damages
def test_on_a_disk(alone: tuple[Server, str], damage: Any) -> None:
    server, key = alone
    is_mended(server, server, key, "storage", OnDisk(server.data_dir / "variants"), damage, lambda _: None)


@damages
def test_a_master_on_a_disk(alone: tuple[Server, str], damage: Any) -> None:
    """It cannot be made again: nothing is shown of it until it is uploaded again."""
    server, key = alone
    own, other = (uploaded(server, key, next(seeds)) for _ in range(2))
    found = {path.read_bytes(): path for path in (server.data_dir / "masters").rglob("*") if path.is_file()}
    found[own.body].write_bytes(damage(own.body, other.body))
    url = url_of(server, key, own)
    before = figure(server, 'imgopt_damaged_entries_total{tier="masters"}')
    assert is_refused_for_now(server.request(url))
    assert figure(server, 'imgopt_damaged_entries_total{tier="masters"}') == before + 1
    uploaded_again = server.upload(key, ("again.jpg", own.body))
    assert uploaded_again.status == 201
    answer = server.request(url)
    assert answer.status == 200
    assert own.is_shown_by(answer)


@damages
def test_a_copy_of_a_master(machines: Fleet, damage: Any) -> None:
    """The copy is thrown away, and the master fetched again."""
    one, _ = machines.servers
    own, other = (uploaded(one, machines.api_key, next(seeds)) for _ in range(2))
    for each in (own, other):
        assert one.request(url_of(one, machines.api_key, each)).status == 200
    [(digest,)] = rows(
        machines,
        f"select b.digest from assets_blob b, assets_master m where m.blob_id = b.id and m.id = '{own.id}'",
    )
    copy = one.data_dir / "masters-cache" / digest[:2] / digest
    assert copy.read_bytes() == own.body
    copy.write_bytes(damage(own.body, other.body))
    before = figure(one, 'imgopt_damaged_entries_total{tier="copies"}')
    answer = one.request(url_of(one, machines.api_key, own, w="480"))
    assert answer.status == 200, answer.body
    assert own.is_shown_by(answer)
    assert not other.is_shown_by(answer)
    assert copy.read_bytes() == own.body
    assert figure(one, 'imgopt_damaged_entries_total{tier="copies"}') == before + 1
