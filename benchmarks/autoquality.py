"""What a search for a target costs: trial encodes with and without a prior, and time, beside a plain bisection.

Photographs at two widths; the prior of one is the curve that was found at the other. The bisection, on the same pixels
and in the same run, is the reference for the answers as well.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

FORMATS = ("avif", "webp", "jpeg")
WIDTHS = (480, 640)
TARGETS = (0.97, 0.99)
PHOTOS = 8
GOALS = {"without a prior": 4, "with the other width's": 3}
GOAL_P95 = 6
GOAL_MOST = 8


def main() -> None:
    os.environ["OPENBLAS_NUM_THREADS"] = "1"  # as in a render child; both are read when their library is loaded
    os.environ["VIPS_CONCURRENCY"] = "1"
    from benchmarks.report import compare, compare_less, heading, line, percentile, save
    from benchmarks.serving import photos

    heading("autoquality", f"{PHOTOS} photographs × {', '.join(FORMATS)} × SSIM {TARGETS} at {WIDTHS} px")
    with tempfile.TemporaryDirectory() as folder:
        cases = [case for path in list(photos(Path(folder)))[:PHOTOS] for case in cases_of(path)]
    bisected = [case.bisected for case in cases]
    for name, trials in {
        "without a prior": [case.alone for case in cases],
        "with the other width's": [case.told for case in cases],
    }.items():
        compare_less(name, [statistics.median(trials)], [statistics.median(bisected)], unit="trial encodes, median")
        line("mean", f"{statistics.mean(trials):.2f}, bisection {statistics.mean(bisected):.2f}")
        worst, most = percentile(trials, 0.95), max(trials)
        met = statistics.median(trials) <= GOALS[name] and worst <= GOAL_P95 and most <= GOAL_MOST
        line("p95, most", f"{worst:g}, {most}   goal {GOALS[name]}, {GOAL_P95}, {GOAL_MOST}: {_said(met)}")
    compare(
        "same answer",
        [statistics.mean(case.quality == case.bisection for case in cases)],
        [1.0],
        unit="of the searches",
        goal=0.98,
    )
    for kind in FORMATS:
        ratios = [case.seconds / case.one_encode for case in cases if case.format == kind]
        line(kind, f"a search takes {statistics.median(ratios):.1f} times one encode (most {max(ratios):.1f})")
    save("autoquality", {"cases": [asdict(case) for case in cases]})


@dataclass(frozen=True, kw_only=True)
class Case:
    photo: str
    format: str
    target: float
    width: int
    alone: int
    """Trial encodes."""
    told: int
    bisected: int
    quality: int | None
    bisection: int
    seconds: float
    """Of the search without a prior."""
    one_encode: float


def cases_of(path: Path) -> list[Case]:
    pictures = {width: picture(path, width) for width in WIDTHS}
    return [case(path.name, kind, target, pictures) for kind in FORMATS for target in TARGETS]


def picture(path: Path, width: int) -> Any:
    import pyvips

    image = pyvips.Image.thumbnail(str(path), width)
    return image.colourspace("srgb").extract_band(0, n=3).copy_memory()


def case(name: str, kind: Any, target: float, pictures: dict[int, Any]) -> Case:
    from pipeline.request import Prior

    width, other = WIDTHS
    image = pictures[width]
    start = time.process_time()
    alone = found(image, kind, target, None)
    seconds = time.process_time() - start
    neighbour = found(pictures[other], kind, target, None)
    told = found(image, kind, target, Prior(points=neighbour.curve, is_own=True))
    chroma = alone.chroma or "4:2:0"
    quality, trials = bisection(image, kind, target, chroma)
    return Case(
        photo=name,
        format=kind,
        target=target,
        width=width,
        alone=alone.trials,
        told=told.trials,
        bisected=trials,
        quality=alone.made.quality,
        bisection=quality,
        seconds=seconds,
        one_encode=one_encode(image, kind, quality, chroma),
    )


def found(image: Any, kind: Any, target: float, prior: Any) -> Any:
    from pipeline.autoquality import encode_to_target
    from pipeline.limits import Limits
    from pipeline.phases import Phases
    from pipeline.request import RenderRequest
    from pipeline.spec import TransformSpec
    from pipeline.targets import Target

    request = RenderRequest(spec=TransformSpec(), format=kind, limits=Limits(), prior=prior)
    return encode_to_target(image, request, Target(ssim=target), None, Phases())


def bisection(image: Any, kind: Any, target: float, chroma: Any) -> tuple[int, int]:
    """This will give the quality found and how many encodes it took."""
    from pipeline.encode import Manner, encode
    from pipeline.measuring import decoded, told
    from pipeline.quality.reference import Reference

    reference, manner = Reference(told(image, kind)), Manner(chroma=chroma)
    failing, meeting, trials = 0, 101, 0
    while meeting - failing > 1:
        quality, trials = (failing + meeting) // 2, trials + 1
        similarity = reference.ssim(decoded(encode(image, kind, quality, manner), kind))
        failing, meeting = (failing, quality) if similarity >= target else (quality, meeting)
    return min(meeting, 100), trials


def one_encode(image: Any, kind: Any, quality: int, chroma: Any) -> float:
    from pipeline.encode import Manner, encode

    start = time.process_time()
    for _ in range(3):
        encode(image, kind, quality, Manner(chroma=chroma))
    return max(time.process_time() - start, 1e-6) / 3


def _said(met: bool) -> str:
    return "met" if met else "MISSED"


if __name__ == "__main__":
    main()
