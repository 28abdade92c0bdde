"""What an installation needs, from figures that anybody can measure and check.

    python -m deploy.capacity renders               renders a second of one core here, by format and size
    python -m deploy.capacity zipf                  hit ratio by cache size under a Zipf law: simulated, and by formula
    python -m deploy.capacity plan [NAME=value …]   what so many masters and requests need (NAMES are those of `Load`)

docs/scaling.md says what the figures mean.
"""

from __future__ import annotations

import sys
import time
from collections import OrderedDict
from dataclasses import dataclass, fields
from math import ceil
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

DAY_SECONDS = 86_400


def zipf(items: int, alpha: float) -> Floats:
    """This will give the share of requests that each of so many things has: the k-th most wanted gets 1/k^alpha."""
    weights: Floats = np.arange(1, items + 1, dtype=np.float64) ** -alpha
    shares: Floats = weights / weights.sum()
    return shares


def simulated_hits(shares: Floats, places: int, requests: int, *, seed: int = 1) -> float:
    """This will play requests against a cache that forgets what was unused longest, and give the share of hits; the
    first half fills it."""
    drawn = np.searchsorted(np.cumsum(shares), np.random.default_rng(seed).random(requests))
    kept: OrderedDict[int, None] = OrderedDict()
    hits, counted_from = 0, requests // 2
    for number, item in enumerate(drawn.tolist()):
        if item in kept:
            kept.move_to_end(item)
            hits += number >= counted_from
            continue
        kept[item] = None
        if len(kept) > places:
            kept.popitem(last=False)
    return hits / (requests - counted_from)


def grouped(items: int, alpha: float) -> tuple[Floats, Floats]:
    """This will give the same law for any number of things: shares, and how many things have each; those far down the
    list are taken together, a thousandth of the list at a time."""
    head = min(items, 10_000)
    tail = np.geomspace(head + 1, items + 1, 8_000).astype(np.int64) if items > head else np.array([head + 1])
    edges = np.unique(np.concatenate([np.arange(1, head + 1), tail])).astype(np.float64)
    counts, (low, high) = np.diff(edges), (edges[:-1] - 0.5, edges[1:] - 0.5)
    whole = np.log(high / low) if alpha == 1 else (high ** (1 - alpha) - low ** (1 - alpha)) / (1 - alpha)
    weights = np.where(counts == 1, edges[:-1] ** -alpha, whole / counts)
    return weights / (weights * counts).sum(), counts


def expected_hits(shares: Floats, places: float, counts: Floats | None = None) -> float:
    """This will give the same by Che's approximation (Che, Tung and Wang 2002): a thing is there if it was asked for
    within the time in which as many different things are asked for as the cache has places."""
    numbers = np.ones_like(shares) if counts is None else counts
    if places >= numbers.sum():
        return 1.0

    def distinct(requests: float) -> float:
        return float(-np.expm1(-shares * requests) @ numbers)

    low, high = 0.0, 1.0
    while distinct(high) < places:
        high *= 2
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if distinct(middle) < places else (low, middle)
    return float((shares * numbers) @ -np.expm1(-shares * high))


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What is to be borne, and what one machine bears: the defaults are measured, see docs/scaling.md."""

    masters: float = 1e6
    requests_a_day: float = 1e9
    variants_a_master: float = 12
    """That are ever asked for: widths of the ladder by formats that browsers ask for."""
    variant_kb: float = 40
    master_mb: float = 3
    alpha: float = 0.8
    """Of the Zipf law. Measured on the web: 0.64 to 0.83 (Breslau and others 1999), and above 1 for hot catalogues."""
    peak: float = 2.5
    """The busiest second beside the mean one."""
    cdn_gb: float = 200
    memory_gb: float = 4
    """Of all memory tiers together, which hold the same where requests go to any server."""
    redis_gb: float = 32
    new_masters_a_day: float = 10_000
    finals_seconds: float = 0.8
    """Of a core, for one variant: its draft, and the search for its final."""
    server_hits: float = 5_000
    """Requests that one core of a server answers a second: half of what was measured, from memory."""
    redis_hits: float = 1_000
    storage_hits: float = 250
    """The same where Redis or S3 has the variant."""
    cdn_hits: float = 20_000
    """Requests that one core of nginx answers a second."""
    busy: float = 0.6
    """Share of the time that a core may be busy at the peak."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    peak_requests: float
    cdn_share: float
    memory_share: float
    redis_share: float
    """Of all requests, those that the CDN, the memory tiers and Redis answer."""
    storage_share: float
    nginx_cores: int
    server_cores: int
    worker_cores: float
    """For new masters alone, spread over the day."""
    first_fill_core_days: float
    """To render everything once."""
    masters_tb: float
    variants_tb: float
    outgoing_gbit: float


def plan(load: Load) -> Needs:
    """This will work it out. Tiers hold the most wanted, so what a slower one answers is what the faster ones lack."""
    variants = int(load.masters * load.variants_a_master)
    places = [gigabytes * 1e6 / load.variant_kb for gigabytes in (load.cdn_gb, load.memory_gb, load.redis_gb)]
    shares, counts = grouped(variants, load.alpha)
    # The faster tiers hold what is most wanted: behind one of them, only a larger one has anything to add.
    held = [expected_hits(shares, each, counts) for each in places]
    cdn = held[0]
    memory = max(0.0, held[1] - cdn)
    redis = max(0.0, held[2] - max(held[:2]))
    storage = 1.0 - max(held)
    peak = load.requests_a_day / DAY_SECONDS * load.peak
    seconds = memory / load.server_hits + redis / load.redis_hits + storage / load.storage_hits
    new = load.new_masters_a_day * load.variants_a_master * load.finals_seconds / DAY_SECONDS
    return Needs(
        peak_requests=peak,
        cdn_share=cdn,
        memory_share=memory,
        redis_share=redis,
        storage_share=storage,
        nginx_cores=max(1, ceil(peak / load.cdn_hits / load.busy)),
        server_cores=max(1, ceil(peak * seconds / load.busy)),
        worker_cores=new / load.busy,
        first_fill_core_days=variants * load.finals_seconds / DAY_SECONDS,
        masters_tb=load.masters * load.master_mb / 1e6,
        variants_tb=variants * load.variant_kb / 1e9,
        outgoing_gbit=peak * load.variant_kb * 8 / 1e6,
    )


def renders(seconds: float = 2.0) -> dict[tuple[str, str, float, int], float]:
    """This will give renders a second of one core: what, format, megapixels of a JPEG master, width.

    What is `plain` at a fixed quality, or the `final` of the target that URLs have by default, with its search.
    """
    from pipeline.child import prepare
    from pipeline.limits import Limits
    from pipeline.params import parse
    from pipeline.render import render
    from pipeline.request import RenderRequest

    prepare()
    found: dict[tuple[str, str, float, int], float] = {}
    for megapixels in (2.0, 12.0):
        master = _photo(megapixels)
        for what, quality in (("plain", []), ("final", [("q", "auto:good")])):
            for kind in ("jpeg", "webp", "avif"):
                for width in (320, 800, 1600):
                    request = RenderRequest(
                        spec=parse([("w", str(width)), *quality]),
                        format=kind,
                        limits=Limits(),
                        effort="full" if what == "final" else "quick",
                    )
                    done, start = 0, time.process_time()
                    while (spent := time.process_time() - start) < seconds:
                        render(master, request)
                        done += 1
                    found[what, kind, megapixels, width] = done / spent
    return found


def _photo(megapixels: float) -> bytes:
    """The demo's harbour at another size: nobody has to bring a photograph along."""
    import pyvips

    from imgopt.demo import DEMO_MASTERS

    drawn = pyvips.Image.new_from_buffer(DEMO_MASTERS[0].draw(), "")
    scale = (megapixels * 1e6 / (drawn.width * drawn.height)) ** 0.5
    return bytes(drawn.resize(scale).jpegsave_buffer(Q=90, keep="icc"))


def main(words: list[str]) -> int:
    match words:
        case ["renders"]:
            for (what, kind, megapixels, width), rate in renders().items():
                print(f"{what:5} {kind:5} {megapixels:4.0f} MP → {width:4} px  {rate:7.2f} a second")
        case ["zipf"]:
            for alpha in (0.6, 0.8, 1.0, 1.2):
                shares = zipf(20_000, alpha)
                for share in (0.01, 0.05, 0.1, 0.3):
                    places = int(len(shares) * share)
                    told = simulated_hits(shares, places, 400_000), expected_hits(shares, places)
                    print(f"alpha {alpha}: a cache of {share:4.0%} has {told[0]:5.1%}; by formula {told[1]:5.1%}")
        case ["plan", *given]:
            known: dict[str, Any] = {field.name: field.default for field in fields(Load)}
            changed = dict(word.split("=", 1) for word in given if "=" in word)
            if len(changed) < len(given) or not set(changed) <= set(known):
                print(f"Expected NAME=value with a name out of {', '.join(known)}.")
                return 2
            load = Load(**{name: float(value) for name, value in changed.items()})
            for each in fields(Needs):
                print(f"{each.name:22} {getattr(plan(load), each.name):12,.3f}")
        case _:
            print(__doc__)
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
