"""Hits while 32 clients wait for cold renders: they must not queue behind them.

One keep-alive client asks for a warm variant every few milliseconds, in turns with and without 32 others that ask for
variants nobody has asked for before. Nothing is held to a core, so what is seen is a machine with all cores rendering.
"""

from __future__ import annotations

import http.client
import itertools
import multiprocessing
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.queues import SimpleQueue
from multiprocessing.synchronize import Event
from pathlib import Path

from benchmarks.report import heading, line, percentile, save
from benchmarks.serving import photos, serving, sign, upload

CLIENTS = 32
TURNS = 3
HITS = 400
PAUSE_SECONDS = 0.005
WARM_UP_SECONDS = 1.0
COLD_WIDTHS = range(900, 975)  # with four photos: 100 renders a turn, more than it lasts
SPAWN = multiprocessing.get_context("spawn")


def main() -> None:
    heading("hits_under_load", f"{HITS} hits a turn, without and with {CLIENTS} clients waiting for cold renders")
    samples: dict[str, list[list[float]]] = {"calm": [], "loaded": []}
    cold = 0
    with tempfile.TemporaryDirectory() as folder, serving() as server:
        images = [upload(server, photo) for photo in photos(Path(folder))[-4:]]
        warm = sign(server, images[0], w="640", fm="webp")
        server.request(warm)
        pairs = itertools.product(COLD_WIDTHS, images)
        targets = [sign(server, image, w=str(width), fm="webp", snap="0") for width, image in pairs]
        for turn in range(TURNS):
            samples["calm"].append(hits(server.port, warm))
            with cold_load(server.port, targets[turn::TURNS]) as answered:
                samples["loaded"].append(hits(server.port, warm))
            cold += answered.get()
    for name, turns in samples.items():
        together = [value for turn in turns for value in turn]
        shares = ((0.5, "p50"), (0.9, "p90"), (0.99, "p99"), (1.0, "most"))
        line(name, "   ".join(f"{label} {percentile(together, share):7.2f} ms" for share, label in shares))
    line("cold", f"{cold} renders were answered in the loaded turns")
    save("hits_under_load", {"clients": CLIENTS, "latencies_ms": samples, "cold_renders": cold})


def hits(port: int, target: str) -> list[float]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    latencies = []
    for _ in range(HITS):
        start = time.perf_counter()
        connection.request("GET", target)
        response = connection.getresponse()
        response.read()
        latencies.append(round(1000 * (time.perf_counter() - start), 3))
        if response.status != 200 or response.headers["X-Cache"] != "memory":
            raise RuntimeError(f"Expected a hit, received {response.status} from {response.headers['X-Cache']}.")
        time.sleep(PAUSE_SECONDS)
    connection.close()
    return latencies


@contextmanager
def cold_load(port: int, targets: list[str]) -> Iterator[SimpleQueue[int]]:
    """This will keep the clients asking in a process of their own; at the end it tells how many were answered."""
    stop, answers = SPAWN.Event(), SPAWN.SimpleQueue()
    process = SPAWN.Process(target=ask_all, args=(port, targets, stop, answers))
    process.start()
    try:
        time.sleep(WARM_UP_SECONDS)
        yield answers
    finally:
        stop.set()
        process.join(60)
        process.kill()


def ask_all(port: int, targets: list[str], stop: Event, answers: SimpleQueue[int]) -> None:
    rest, lock = iter(targets), threading.Lock()
    rendered: list[bool] = []

    def work() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        while not stop.is_set():
            with lock:
                target = next(rest, None)
            if target is None:
                return
            connection.request("GET", target)
            response = connection.getresponse()
            response.read()
            rendered.append(response.headers["X-Cache"] == "render")

    threads = [threading.Thread(target=work) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    answers.put(sum(rendered))


if __name__ == "__main__":
    main()
