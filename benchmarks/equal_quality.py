"""Bytes at equal quality: what a target weighs, beside one fixed quality of the same encoder.

Two fixed settings stand beside our files: the lowest quality whose mean SSIM over the photographs is at least ours, of
which some files are worse than was asked, and the lowest at which no file is. Both keep colour at half the resolution;
of ours, those with saturated edges keep it whole.
"""

from __future__ import annotations

import os
import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

FORMATS = ("avif", "webp", "jpeg")
TARGETS = (0.99, 0.97, 0.95)
WIDTH = 480
PHOTOS = 10


def main() -> None:
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    os.environ["VIPS_CONCURRENCY"] = "1"
    from benchmarks.autoquality import found, picture
    from benchmarks.report import compare_less, heading, line, save
    from benchmarks.serving import photos

    heading("equal_quality", f"{PHOTOS} photographs at {WIDTH} px, quick encoders")
    with tempfile.TemporaryDirectory() as folder:
        pictures = [picture(path, WIDTH) for path in list(photos(Path(folder)))[:PHOTOS]]
    samples = {}
    for kind in FORMATS:
        encoders = [Fixed(image, kind) for image in pictures]
        for target in TARGETS:
            ours = [found(image, kind, target, None) for image in pictures]
            sizes = [len(each.made.body) for each in ours]
            mean = statistics.mean(each.comparison.structure[0] for each in ours)
            fixed = {
                "same mean": lowest(encoders, lambda scores, mean=mean: statistics.mean(scores) >= mean),
                "all meet it": lowest(encoders, lambda scores, target=target: min(scores) >= target),
            }
            for name, quality in fixed.items():
                theirs = [each.at(quality) for each in encoders]
                below = sum(similarity < target for similarity, _ in theirs)
                line(f"{kind} {target}", f"{name}: q={quality}, {below} of {PHOTOS} files miss the target")
                weight = statistics.mean(size for _, size in theirs)
                compare_less("our mean", [statistics.mean(sizes)], [weight], unit="bytes")
                samples[f"{kind} {target} {name}"] = {"quality": quality, "ours": sizes, "fixed": theirs}
    save("equal_quality", samples)


class Fixed:
    """One photograph in one format, at any quality: SSIM and bytes."""

    def __init__(self, image: Any, kind: Any) -> None:
        from pipeline.measuring import told
        from pipeline.quality.reference import Reference

        self._image, self._kind = image, kind
        self._reference = Reference(told(image, kind))
        self._known: dict[int, tuple[float, int]] = {}

    def at(self, quality: int) -> tuple[float, int]:
        from pipeline.encode import encode
        from pipeline.measuring import decoded

        if quality not in self._known:
            body = encode(self._image, self._kind, quality)
            self._known[quality] = self._reference.ssim(decoded(body, self._kind)), len(body)
        return self._known[quality]


def lowest(encoders: list[Fixed], is_enough: Callable[[list[float]], bool]) -> int:
    """This will bisect for the quality at which the scores of all are enough."""
    failing, meeting = 0, 100
    while meeting - failing > 1:
        quality = (failing + meeting) // 2
        reached = is_enough([each.at(quality)[0] for each in encoders])
        failing, meeting = (failing, quality) if reached else (quality, meeting)
    return meeting


if __name__ == "__main__":
    main()
