"""The real server, started as `make run` does, on a free port with a data directory that is deleted afterwards."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from tests.e2e.server import Server

ROOT = Path(__file__).resolve().parents[1]
PHOTOS = ROOT.parent / "shared" / "images" / "photos"

UNLIMITED = {
    "IMGOPT_APIKEYS_RATE": "1000000",
    "IMGOPT_APIKEYS_BURST": "1000000",
    "IMGOPT_DELIVERY_MISS_RATE": "1000000",
    "IMGOPT_DELIVERY_MISS_BURST": "1000000",
}
"""One address sends everything here, which the rate limits are there to refuse."""

PLAIN = {"IMGOPT_DELIVERY_QUALITY": "default", "IMGOPT_DELIVERY_DRAFTS": "false"}
"""One encode a render, as the references have; benchmarks of quality say otherwise."""


@contextmanager
def serving(*, cores: set[int] | None = None, **environment: str) -> Iterator[Server]:
    """This will run a server, on certain cores only if wanted, and end it with all that it started."""
    with tempfile.TemporaryDirectory(prefix="imgopt-bench-") as folder, running_on(cores):
        server = Server(Path(folder), {**UNLIMITED, **PLAIN, **environment})
        server.start()
        try:
            yield server
        finally:
            server.stop()


@contextmanager
def running_on(cores: set[int] | None) -> Iterator[None]:
    """This will hold this thread, and what it starts, to some cores for the time being."""
    before = os.sched_getaffinity(0)
    if cores:
        os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def upload(server: Server, photo: Path) -> str:
    """This will upload a file and give the id of its master."""
    answer = server.upload(server.api_key, (photo.name, photo.read_bytes()))
    if answer.status != 201:
        raise RuntimeError(f"{photo.name} was not taken: {answer.status} {answer.body[:200]!r}")
    return str(answer.json[0]["id"])


def sign(server: Server, image: str, **params: str) -> str:
    """This will give path and query of a signed URL."""
    answer = server.api("/api/v1/sign", server.api_key, method="POST", document={"image": image, "params": params})
    if answer.status != 200:
        raise RuntimeError(f"{params} were not signed: {answer.status} {answer.body[:200]!r}")
    parts = urlsplit(answer.json["url"])
    return f"{parts.path}?{parts.query}"


def photos(folder: Path) -> Sequence[Path]:
    """This will give the shared photographs, or the demo masters drawn into `folder` where there are none."""
    found = sorted(path for path in PHOTOS.glob("*") if path.suffix in (".jpg", ".png"))
    return found or _demos(folder)


def _demos(folder: Path) -> Sequence[Path]:
    from imgopt.demo import DEMO_MASTERS

    paths = []
    for demo in DEMO_MASTERS:
        path = folder / Path(demo.original_name).name
        path.write_bytes(demo.draw())
        paths.append(path)
    return paths
