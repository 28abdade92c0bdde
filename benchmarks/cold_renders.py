"""Cold renders of distinct (photo, width) pairs over HTTP, four at a time, beside the same libvips calls."""

from __future__ import annotations

import http.client
import itertools
import os
import queue
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.pool import Pool
from pathlib import Path
from typing import TypeVar, cast

from benchmarks import direct
from benchmarks.report import compare, heading, line, save
from benchmarks.serving import photos, serving, sign, upload
from pipeline.spec import Format
from tests.e2e.server import Server

AT_ONCE = 4
TURNS = 3
RENDERS_A_TURN = 64
NARROWEST = 480
GOAL = 0.9
PARAMETERS = {"jpeg": "jpg", "webp": "webp", "avif": "avif"}

T = TypeVar("T")
Pair = tuple[Path, int]


def main() -> None:
    cores = os.cpu_count() or 1
    heading("cold_renders", f"{AT_ONCE} at a time, {cores} render processes, widths from {NARROWEST} px")
    samples = {}
    with tempfile.TemporaryDirectory() as folder, serving() as server, direct.pool(cores) as workers:
        chosen = usable(photos(Path(folder)), workers)
        images = {path: upload(server, path) for path in chosen}
        line("photos", str(len(chosen)))
        pairs = distinct(chosen)
        for kind in PARAMETERS:
            samples[kind] = rates(server, workers, images, cast(Format, kind), pairs)
            compare(kind, samples[kind]["ours"], samples[kind]["reference"], unit="renders/s", goal=GOAL)
    save("cold_renders", {"at_once": AT_ONCE, "renders_a_turn": RENDERS_A_TURN, "renders_per_second": samples})


def usable(found: Iterable[Path], workers: Pool) -> list[Path]:
    """This will keep the photos that are wide enough to be made smaller, whatever their width in the end."""
    sources = [workers.apply(direct.job, (path, NARROWEST, "jpeg")) for path in found]
    return [Path(source.path) for source in sources if source.source_width >= NARROWEST + 100]


def distinct(chosen: list[Path]) -> Iterator[Pair]:
    """This will give each pair once, all photos at one width before the next width."""
    return ((path, width) for width in itertools.count(NARROWEST) for path in chosen)


def rates(
    server: Server, workers: Pool, images: dict[Path, str], kind: Format, pairs: Iterator[Pair]
) -> dict[str, list[float]]:
    results: dict[str, list[float]] = {"ours": [], "reference": []}
    for turn in range(TURNS + 1):
        todo = list(itertools.islice(pairs, RENDERS_A_TURN))
        targets = [sign(server, images[path], w=str(width), fm=PARAMETERS[kind], snap="0") for path, width in todo]
        jobs = [workers.apply(direct.job, (path, width, kind)) for path, width in todo]
        ours = per_second(targets, lambda: fetcher(server.port))
        reference = per_second(jobs, lambda: lambda each: workers.apply(direct.render, (each,)))
        if turn:  # the first one warms up
            results["ours"].append(ours)
            results["reference"].append(reference)
    return results


def per_second(todo: list[T], make_worker: Callable[[], Callable[[T], object]]) -> float:
    """This will do everything, so many at a time, each thread with a worker of its own."""
    rest: queue.SimpleQueue[T] = queue.SimpleQueue()
    for each in todo:
        rest.put(each)
    with ThreadPoolExecutor(AT_ONCE) as threads:
        start = time.perf_counter()
        for done in [threads.submit(drain, rest, make_worker()) for _ in range(AT_ONCE)]:
            done.result()
        return len(todo) / (time.perf_counter() - start)


def drain(rest: queue.SimpleQueue[T], work: Callable[[T], object]) -> None:
    while True:
        try:
            work(rest.get_nowait())
        except queue.Empty:
            return


def fetcher(port: int) -> Callable[[str], object]:
    """This will keep one connection and insist that what comes over it was rendered for it."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def fetch(target: str) -> None:
        connection.request("GET", target)
        response = connection.getresponse()
        response.read()
        if response.status != 200 or response.headers["X-Cache"] != "render":
            raise RuntimeError(f"Expected a render, received {response.status} from {response.headers['X-Cache']}.")

    return fetch


if __name__ == "__main__":
    main()
