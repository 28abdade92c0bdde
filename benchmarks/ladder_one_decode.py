"""A whole ladder of a master, 8 widths × 3 formats: together in one task of the render pool, beside one by one through
the same pool.

Files are compared: both make the same ones. Processor time is that of the render children.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.processes import cpu_seconds
from benchmarks.report import compare_less, heading, line, save
from benchmarks.serving import photos
from pipeline.admission import Weight
from pipeline.errors import ImgoptError
from pipeline.limits import Limits
from pipeline.pool import PoolConfig, RenderPool
from pipeline.render import RenderRequest
from pipeline.rendition import Rendition
from pipeline.spec import Format, TransformSpec

WIDTHS = (320, 480, 640, 800, 960, 1280, 1600, 1920)
FORMATS: tuple[Format, ...] = ("avif", "webp", "jpeg")
TURNS = 5
GOAL = 1 / 3
CHOSEN = ("phone_12mp_painting.jpg", "iphone_8mp_wisteria.jpg", "clic_van_street.png", "clic_tulips.png")
REQUESTS = [
    RenderRequest(spec=TransformSpec(width=width), format=kind, limits=Limits()) for width in WIDTHS for kind in FORMATS
]


def main() -> None:
    cores = os.cpu_count() or 1
    heading("ladder_one_decode", f"{len(WIDTHS)} widths ({WIDTHS[0]} to {WIDTHS[-1]} px) × {', '.join(FORMATS)}")
    samples = {}
    pool = RenderPool(PoolConfig(processes=cores))
    try:
        with tempfile.TemporaryDirectory() as folder:
            for path in masters(Path(folder)):
                turns = take_turns(pool, path)
                tell(path.name, turns)
                samples[path.name] = {name: [asdict(sample) for sample in each] for name, each in turns.items()}
    finally:
        pool.stop()
    save("ladder_one_decode", {"widths": WIDTHS, "formats": FORMATS, "turns": samples})


@dataclass(frozen=True, kw_only=True)
class Sample:
    seconds: float
    cpu_seconds: float


def masters(folder: Path) -> list[Path]:
    """This will give the chosen photographs, and a large AVIF made of the first."""
    found = list(photos(folder))
    chosen = [path for path in found if path.name in CHOSEN] or found
    avif = folder / "12-MP.avif"
    write_avif(chosen[-1], avif)
    return [*chosen, avif]


def write_avif(path: Path, to: Path) -> None:
    import pyvips

    image = pyvips.Image.new_from_file(str(path))
    image.resize(4000 / image.width).heifsave(str(to), Q=60, compression="av1", effort=0)


def take_turns(pool: RenderPool, path: Path) -> dict[str, list[Sample]]:
    """This will make the ladder both ways, in turns; the first turn warms up, compares the files and does not count."""
    weight = Weight.of(pool.inspect(path))
    ways: dict[str, Callable[[], Sequence[Rendition | ImgoptError]]] = {
        "together": lambda: pool.render_many(path, REQUESTS, weight=weight),
        "one by one": lambda: [pool.render(path, request, weight=weight) for request in REQUESTS],
    }
    turns: dict[str, list[Sample]] = {name: [] for name in ways}
    bodies = {name: [getattr(each, "body", None) for each in make()] for name, make in ways.items()}
    if bodies["together"] != bodies["one by one"] or None in bodies["together"]:
        raise RuntimeError(f"Expected the same files of {path.name} both ways.")
    for _ in range(TURNS):
        for name, make in ways.items():
            used, start = cpu_seconds(pool.pids), time.perf_counter()
            make()
            seconds = time.perf_counter() - start
            turns[name].append(Sample(seconds=seconds, cpu_seconds=cpu_seconds(pool.pids) - used))
    return turns


def tell(name: str, turns: dict[str, list[Sample]]) -> None:
    line("master", name)
    for what, unit in (("seconds", "s"), ("cpu_seconds", "s of processor time")):
        ours, reference = ([getattr(each, what) for each in turns[way]] for way in ("together", "one by one"))
        compare_less("together", ours, reference, unit=unit, goal=GOAL if what == "seconds" else None)


if __name__ == "__main__":
    main()
