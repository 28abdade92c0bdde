"""The first byte of a new variant: with a draft before its final, without one, and of one plain encode.

All three are answers of the same server over one connection, in turns, each for a variant that nobody has asked for. No
worker runs: what is measured is who waits for what, not what else a machine does meanwhile. The budget is nothing, or
the finals of this run would teach the server that some need no draft.
"""

from __future__ import annotations

import http.client
import statistics
import tempfile
import time
from pathlib import Path

from benchmarks.report import compare_less, heading, line, save
from benchmarks.serving import photos, serving, sign, upload
from tests.e2e.server import Server

WIDTHS = (800, 1600)
MOST_PHOTOS = 8
PLAIN = {"avif": {"q": "60"}, "webp": {"q": "75"}}
"""What the service gave for a URL without q before it measured."""
SETTINGS = {
    "IMGOPT_JOBS_WORKERS": "0",
    "IMGOPT_DELIVERY_QUALITY": "auto:good",
    "IMGOPT_DELIVERY_DRAFTS": "true",
    "IMGOPT_DELIVERY_BUDGET_MS": "0",
}
WAYS = ("plain", "draft", "final")
DRAFT_AGE, FINAL_AGE = "max-age=2", "immutable"


def main() -> None:
    heading("first_byte", f"milliseconds to the first byte of a new variant, up to {MOST_PHOTOS} photos, no worker")
    samples: dict[str, dict[str, list[float]]] = {}
    with tempfile.TemporaryDirectory() as folder, serving(**SETTINGS) as server:
        images = [upload(server, path) for path in photos(Path(folder))]
        for width in WIDTHS:
            wide = [image for image in images if width_of(server, image) >= width][:MOST_PHOTOS]
            for kind in PLAIN:
                turns = take_turns(server, wide, kind, width)
                tell(f"{kind} {width}", turns)
                samples[f"{kind} {width}"] = turns
    save("first_byte", {"turns": samples})


def tell(label: str, turns: dict[str, list[float]]) -> None:
    compare_less(f"{label} draft", turns["draft"], turns["plain"], unit="ms")
    compare_less(f"{label} final", turns["final"], turns["plain"], unit="ms")
    ratio = statistics.median(turns["final"]) / statistics.median(turns["draft"])
    line("draft", f"{ratio:.1f} times as soon as the final")


def take_turns(server: Server, images: list[str], kind: str, width: int) -> dict[str, list[float]]:
    """This will ask for a variant of each photo in each way; the first photo's turn warms up and does not count."""
    turns: dict[str, list[float]] = {way: [] for way in WAYS}
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=120)
    for turn, image in enumerate(images):
        said = {"w": str(width), "snap": "0", "fm": kind}
        asked = {
            "plain": sign(server, image, **said, **PLAIN[kind]),
            "draft": sign(server, image, **said),
            "final": sign(server, image, **said, refine="wait"),
        }
        for way in WAYS:
            milliseconds, caching = first_byte(connection, asked[way])
            if (DRAFT_AGE if way == "draft" else FINAL_AGE) not in caching:
                raise RuntimeError(f"Expected the answer of {way}, received one with {caching}.")
            if turn:
                turns[way].append(milliseconds)
    return turns


def first_byte(connection: http.client.HTTPConnection, target: str) -> tuple[float, str]:
    start = time.perf_counter()
    connection.request("GET", target)
    response = connection.getresponse()
    milliseconds = 1000 * (time.perf_counter() - start)
    response.read()
    if response.status != 200 or response.headers["X-Cache"] != "render":
        raise RuntimeError(f"Expected a render, received {response.status} from {response.headers['X-Cache']}.")
    return milliseconds, response.headers["Cache-Control"]


def width_of(server: Server, image: str) -> int:
    return int(server.api(f"/api/v1/image/{image}", server.api_key).json["width"])


if __name__ == "__main__":
    main()
