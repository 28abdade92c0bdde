"""S3: a variant read through our client and through django-storages' own, and a burst of widths of a 12-MP master with
and without the machine's copies. Against Ceph's gateway on loopback (`make s3`), where nothing is far away: a real
network adds its own time to every request that is saved here."""

from __future__ import annotations

import io
import os
import secrets
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from PIL import Image

from benchmarks.report import compare_less, heading, line, percentile, save
from benchmarks.serving import PHOTOS, PLAIN, UNLIMITED
from deploy.stack import ceph

BODY_BYTES = 40_000
READS = 300
TURNS = 5
WIDTHS = (320, 480, 640, 800, 960, 1280, 1600, 1920)


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "imgopt.settings")
    os.environ.setdefault("IMGOPT_DATA_DIR", tempfile.mkdtemp(prefix="imgopt-bench-"))
    os.environ.update(ceph.environment())
    import django

    django.setup()
    heading("s3", f"a variant of {BODY_BYTES // 1000} KB, and {len(WIDTHS)} widths of a 12-MP JPEG at once")
    samples: dict[str, Any] = {**reads(), **bursts()}
    save("s3", samples)


def reads() -> dict[str, Any]:
    from django.core.files.base import ContentFile
    from storages.backends.s3 import S3Storage

    from assets.s3.storage import SharedS3Storage
    from tests.fleet import make_buckets, remove_buckets

    bucket = f"bench-{secrets.token_hex(4)}"
    make_buckets(bucket)
    try:
        ours = SharedS3Storage(bucket_name=bucket)
        own = {"endpoint_url": ceph.endpoint(), "region_name": ceph.REGION, "addressing_style": "path"}
        theirs = S3Storage(
            bucket_name=bucket, access_key=ceph.ACCESS_KEY, secret_key=ceph.SECRET_KEY, signature_version="s3v4", **own
        )
        ours.save("a", ContentFile(os.urandom(BODY_BYTES)))
        calls: dict[str, Callable[[], Any]] = {
            "ours": lambda: ours.read("a").data,
            "django-storages": lambda: theirs.open("a").read(),
        }
        for call in calls.values():
            call()
        first = {name: [first_in_a_thread(call) for _ in range(TURNS)] for name, call in calls.items()}
        warm: dict[str, list[float]] = {name: [] for name in calls}
        for _ in range(TURNS):
            for name, call in calls.items():
                warm[name] += timed(call, READS // TURNS)
        medians = {name: [percentile(times[at::TURNS], 0.5) for at in range(TURNS)] for name, times in warm.items()}
        compare_less("first in thread", first["ours"], first["django-storages"], unit="ms")
        compare_less("warm read", medians["ours"], medians["django-storages"], unit="ms")
        for name, times in warm.items():
            line(name, f"p50 {percentile(times, 0.5):.2f} ms   p99 {percentile(times, 0.99):.2f} ms")
    finally:
        remove_buckets(bucket)
    return {"first_ms": first, "warm_ms": warm}


def first_in_a_thread(call: Callable[[], Any]) -> float:
    found: list[float] = []
    thread = threading.Thread(target=lambda: found.extend(timed(call, 1)))
    thread.start()
    thread.join()
    return found[0]


def timed(call: Callable[[], Any], count: int) -> list[float]:
    times = []
    for _ in range(count):
        start = time.perf_counter()
        call()
        times.append(1000 * (time.perf_counter() - start))
    return times


def bursts() -> dict[str, Any]:
    """Each turn has a master of its own, so that it is cold."""
    found: dict[str, Any] = {}
    for name, megabytes in (("with copies", "2048"), ("without", "0")):
        found[name] = burst(megabytes)
    ours, without = found["with copies"], found["without"]
    compare_less("burst", ours["ms"], without["ms"], unit="ms")
    line("GETs", f"with copies {ours['gets']} a burst, without {without['gets']}")
    return {"bursts": found}


def burst(megabytes: str) -> dict[str, Any]:
    from tests.fleet import Fleet, fleet, rows

    def ask_all(machines: Fleet, turn: int) -> tuple[float, int]:
        """This will give the time until the last width was answered, and how often the master was fetched."""
        [server] = machines.servers
        [image] = server.upload(machines.api_key, ("photo.jpg", photo(turn))).json
        wishes = [{"image": image["id"], "params": {"w": str(width), "fm": "webp"}} for width in WIDTHS]
        signed = [server.api("/api/v1/sign", machines.api_key, method="POST", document=wish).json for wish in wishes]
        targets = ["/i/" + each["url"].partition("/i/")[2] for each in signed]
        [(blob_id,)] = rows(machines, f"select blob_id from assets_master where id = '{image['id']}'")
        machines.s3.asked.clear()
        start = time.perf_counter()
        with ThreadPoolExecutor(len(targets)) as pool:
            statuses = {answer.status for answer in pool.map(server.request, targets)}
        milliseconds = 1000 * (time.perf_counter() - start)
        if statuses != {200}:
            raise RuntimeError(f"Expected pictures, received {statuses}.")
        return milliseconds, sum(each.startswith("GET ") and str(blob_id) in each for each in machines.s3.asked)

    settings = {**UNLIMITED, **PLAIN, "IMGOPT_MASTERS_CACHE_MB": megabytes}
    with tempfile.TemporaryDirectory() as folder, fleet(Path(folder), servers=1, **settings) as machines:
        turns = [ask_all(machines, turn) for turn in range(TURNS + 1)][1:]
    return {"ms": [took for took, _ in turns], "gets": [gets for _, gets in turns]}


def photo(turn: int) -> bytes:
    picture = Image.open(PHOTOS / "clic_landscape_cloud.png").convert("RGB").resize((4000, 3000))
    picture.putpixel((0, 0), (turn, 0, 0))
    file = io.BytesIO()
    picture.save(file, "jpeg", quality=92 - turn)
    return file.getvalue()
