"""Cold renders of distinct (photo, width) pairs over HTTP, four at a time, beside the same libvips calls."""

from __future__ import annotations

import http.client
import itertools
import multiprocessing
import os
import queue
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from multiprocessing.pool import Pool
from pathlib import Path
from typing import TypeVar, cast

from benchmarks import direct
from benchmarks.processes import cpu_seconds, tree
from benchmarks.report import compare, heading, line, save
from benchmarks.serving import photos, serving, sign, upload
from pipeline.spec import Format
from tests.e2e.server import Server

AT_ONCE = 4
TURNS = 6
RENDERS_A_TURN = 32
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
            turns = take_turns(server, workers, images, cast(Format, kind), pairs)
            tell(kind, turns)
            samples[kind] = {name: [asdict(sample) for sample in each] for name, each in turns.items()}
    save("cold_renders", {"at_once": AT_ONCE, "renders_a_turn": RENDERS_A_TURN, "turns": samples})


@dataclass(frozen=True, kw_only=True)
class Sample:
    per_second: float
    per_cpu_second: float
    """Of the processor time of the server and its children, or of the reference's pool: comparable when other programs
    take part of the machine."""


def tell(kind: str, turns: dict[str, list[Sample]]) -> None:
    ours, reference = turns["ours"], turns["reference"]
    compare(
        kind, [each.per_second for each in ours], [each.per_second for each in reference],
        unit="renders/s", goal=GOAL,
    )  # fmt: skip
    compare(
        kind, [each.per_cpu_second for each in ours], [each.per_cpu_second for each in reference],
        unit="renders per second of processor time", goal=GOAL,
    )  # fmt: skip


def usable(found: Iterable[Path], workers: Pool) -> list[Path]:
    """This will keep the photos that are wide enough to be made smaller, whatever their width in the end."""
    sources = [workers.apply(direct.job, (path, NARROWEST, "jpeg")) for path in found]
    return [Path(source.path) for source in sources if source.source_width >= NARROWEST + 100]


def distinct(chosen: list[Path]) -> Iterator[Pair]:
    """This will give each pair once, all photos at one width before the next width."""
    return ((path, width) for width in itertools.count(NARROWEST) for path in chosen)


def take_turns(
    server: Server, workers: Pool, images: dict[Path, str], kind: Format, pairs: Iterator[Pair]
) -> dict[str, list[Sample]]:
    """This will render the same pairs by both, in turns; the first turn warms up and does not count."""
    if server.process is None:
        raise RuntimeError("the server does not run")
    served_by = list(tree(server.process.pid))
    pool = [process.pid for process in multiprocessing.active_children() if process.pid]
    turns: dict[str, list[Sample]] = {"ours": [], "reference": []}
    for turn in range(TURNS + 1):
        todo = list(itertools.islice(pairs, RENDERS_A_TURN))
        targets = [sign(server, images[path], w=str(width), fm=PARAMETERS[kind], snap="0") for path, width in todo]
        jobs = [workers.apply(direct.job, (path, width, kind)) for path, width in todo]
        ours = measure(targets, lambda: fetcher(server.port), served_by)
        reference = measure(jobs, lambda: lambda each: workers.apply(direct.render, (each,)), pool)
        if turn:
            turns["ours"].append(ours)
            turns["reference"].append(reference)
    return turns


def measure(todo: list[T], make_worker: Callable[[], Callable[[T], object]], pids: list[int]) -> Sample:
    """This will do everything, so many at a time, each thread with a worker of its own."""
    rest: queue.SimpleQueue[T] = queue.SimpleQueue()
    for each in todo:
        rest.put(each)
    with ThreadPoolExecutor(AT_ONCE) as threads:
        used, start = cpu_seconds(pids), time.perf_counter()
        for done in [threads.submit(drain, rest, make_worker()) for _ in range(AT_ONCE)]:
            done.result()
        elapsed, used = time.perf_counter() - start, cpu_seconds(pids) - used
    return Sample(per_second=len(todo) / elapsed, per_cpu_second=len(todo) / used)


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
