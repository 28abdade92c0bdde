"""What measuring costs: a full receipt and one SSIM against kept reference statistics, beside scikit-image.

Both are given the same arrays; decoding is not counted. One core, processor time, so that other programs matter less.
"""

from __future__ import annotations

import io
import os
import time
from collections.abc import Callable
from pathlib import Path

SIZES = ((400, 267), (800, 533), (1600, 1067))
TURNS = 15
GOALS_MS = {"receipt": 60.0, "one SSIM": 10.0}
GOALS_AT = (800, 533)
QUALITY = 75


def main() -> None:
    os.environ["OPENBLAS_NUM_THREADS"] = "1"  # as in a render child; read when numpy is loaded
    from benchmarks.report import compare_less, heading, line, save

    heading("receipts", f"WebP {QUALITY} of a photograph, {TURNS} turns, milliseconds of processor time")
    by_size: dict[tuple[int, int], dict[str, list[float]]] = {}
    for size in SIZES:
        line("size", f"{size[0]} × {size[1]} px")
        turns = take_turns(*pair(size))
        by_size[size] = turns
        for name, goal in GOALS_MS.items():
            reference = turns[f"scikit-image: {name}"]
            compare_less(name, turns[name], reference, unit="ms", goal=None)
            if size == GOALS_AT:
                best = sorted(turns[name])[len(turns[name]) // 2]
                line("goal", f"at most {goal:g} ms: {'met' if best <= goal else 'MISSED'}")
    for name in GOALS_MS:
        costs = [sorted(turns[name])[TURNS // 2] / (size[0] * size[1] / 1e6) for size, turns in by_size.items()]
        line(name, "  ".join(f"{cost:.0f}" for cost in costs) + " ms a megapixel, by size")
    save(
        "receipts", {"quality": QUALITY, "turns": {"x".join(map(str, size)): turns for size, turns in by_size.items()}}
    )


def pair(size: tuple[int, int]) -> tuple[object, object]:
    """This will give a photograph of that size and what an encoder makes of it."""
    import numpy as np
    import skimage
    from PIL import Image

    photograph = Image.open(Path(skimage.__file__).parent / "data" / "coffee.png").convert("RGB").resize(size)
    out = io.BytesIO()
    photograph.save(out, "WEBP", quality=QUALITY)
    return np.asarray(photograph), np.asarray(Image.open(out).convert("RGB"))


def take_turns(first: object, second: object) -> dict[str, list[float]]:
    from pipeline.quality import measure
    from pipeline.quality.reference import Reference

    kept = Reference(first)
    ways: dict[str, Callable[[], object]] = {
        "receipt": lambda: measure(first, second),
        "scikit-image: receipt": lambda: (ssim(first, second), peak(first, second), colours(first, second)),
        "one SSIM": lambda: kept.ssim(second),
        "scikit-image: one SSIM": lambda: ssim(first, second),
    }
    return {name: [milliseconds(way) for _ in range(TURNS + 1)][1:] for name, way in ways.items()}


def milliseconds(way: Callable[[], object]) -> float:
    start = time.process_time()
    way()
    return (time.process_time() - start) * 1000


def ssim(first: object, second: object) -> object:
    import numpy as np
    from skimage.metrics import structural_similarity

    luma = np.array([0.299, 0.587, 0.114], np.float32)
    return structural_similarity(
        first @ luma, second @ luma, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=255
    )


def peak(first: object, second: object) -> object:
    from skimage.metrics import peak_signal_noise_ratio

    return peak_signal_noise_ratio(first, second, data_range=255)


def colours(first: object, second: object) -> object:
    import numpy as np
    from skimage.color import deltaE_ciede2000, rgb2lab

    return np.percentile(deltaE_ciede2000(rgb2lab(first), rgb2lab(second)), [95, 99])


if __name__ == "__main__":
    main()
