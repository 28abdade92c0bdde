"""What a target costs: bytes at SSIM 0.99, 0.97 and 0.95, beside each encoder's usual fixed quality at the same effort.

The figures of docs/quality.md. No time is measured: they are the same on every machine with the same encoders.
"""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.report import heading, line, save
from benchmarks.serving import photos
from pipeline.errors import ImgoptError
from pipeline.limits import Limits
from pipeline.many import produce_each
from pipeline.render import RenderRequest
from pipeline.spec import Format, TransformSpec
from pipeline.targets import TARGETS, Target

WIDTH = 800
FIXED: Mapping[Format, int] = {"avif": 60, "webp": 75, "jpeg": 80}
ASKED: Mapping[str, Target] = {
    "0.99": Target(ssim=0.99),
    "0.97": Target(ssim=0.97),
    "0.95": Target(ssim=0.95),
    "auto:good": TARGETS["good"],
    "auto:eco": TARGETS["eco"],
}
Samples = dict[str, dict[str, Any]]


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        found = [samples_of(path) for path in photos(Path(folder))]
    heading("target_bytes", f"{len(found)} photographs at {WIDTH} px; bytes, those of the fixed quality being 1")
    for kind, quality in FIXED.items():
        tell(kind, quality, found)
    save("target_bytes", {"width": WIDTH, "photographs": found})


def samples_of(path: Path) -> Samples:
    """This will render a photograph at everything that is asked, and give bytes, quality and scores."""
    names = [(kind, asked) for kind in FIXED for asked in ("fixed", *ASKED)]
    requests = [
        RenderRequest(
            spec=TransformSpec(width=WIDTH, quality=ASKED.get(asked, FIXED[kind])),
            format=kind,
            limits=Limits(),
            effort="full",
        )
        for kind, asked in names
    ]
    samples: Samples = {}
    for (kind, asked), made in zip(names, produce_each(path.read_bytes(), requests, measure=True), strict=True):
        if isinstance(made, ImgoptError) or made.scores is None:
            raise SystemExit(f"{path.name}: {made}")
        samples[f"{kind} {asked}"] = {
            "bytes": len(made.body),
            "quality": made.quality,
            "met": made.target_met,
            "ssim": made.scores.ssim,
            "worst_tile": made.scores.worst_tile,
            "chroma": made.chroma,
        }
    return samples


def tell(kind: Format, quality: int, found: Sequence[Samples]) -> None:
    fixed = [each[f"{kind} fixed"] for each in found]
    similar = [each["ssim"] for each in fixed]
    line(f"{kind} {quality}", f"SSIM {min(similar):.3f} to {max(similar):.3f}, median {statistics.median(similar):.3f}")
    line("worst tile", f"lowest {min(each['worst_tile'] for each in fixed):.3f}")
    for asked in ASKED:
        made = [each[f"{kind} {asked}"] for each in found]
        ratio = sum(each["bytes"] for each in made) / sum(each["bytes"] for each in fixed)
        qualities = [each["quality"] for each in made if each["quality"] is not None]
        met = sum(bool(each["met"]) for each in made)
        line(asked, f"{ratio:.2f}   q {min(qualities)} to {max(qualities)}, met by {met} of {len(made)}")


if __name__ == "__main__":
    main()
