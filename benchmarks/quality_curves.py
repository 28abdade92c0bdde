"""Measures how SSIM goes with quality, and writes `pipeline/curve_table.py`: `python -m benchmarks.quality_curves`.

No benchmark among the others: it takes more than half an hour on one core, and is run again when an encoder or its
options change. Photographs are those of `../shared/images/photos` and of scikit-image; every quality is tried, at two
widths.
"""

from __future__ import annotations

import os
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

WIDTHS = (480, 800)
PLACES: tuple[tuple[str, str], ...] = (
    ("avif", "quick"), ("avif", "full"), ("webp", "quick"), ("webp", "full"), ("jpeg", "quick"), ("jpeg", "full"),
    ("png", "quick"),
)  # fmt: skip
KNOTS = (1, *range(5, 101, 5))
COMPONENTS = 2
TABLE = Path(__file__).parent.parent / "pipeline" / "curve_table.py"
BEGIN, END = "] = {\n", "}\n"


def main() -> None:
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    os.environ["VIPS_CONCURRENCY"] = "1"
    import numpy as np

    from benchmarks.autoquality import picture

    pictures = [picture(path, width) for path in photographs() for width in WIDTHS]
    rows = []
    for kind, effort in PLACES:
        curves = np.array([curve(image, kind, effort) for image in pictures])
        means = curves.mean(axis=0)
        _, lengths, directions = np.linalg.svd(curves - means, full_matrices=False)
        components = directions[:COMPONENTS] * lengths[:COMPONENTS, np.newaxis] / np.sqrt(len(curves))
        rows.append(written(kind, effort, means, components))
        print(f"{kind} {effort}: {len(curves)} curves", flush=True)
    before, begin, rest = TABLE.read_text().partition(BEGIN)
    after = rest[rest.index("\n" + END) + 1 :]
    TABLE.write_text(before + begin + "".join(rows) + after)


def photographs() -> Iterator[Path]:
    import skimage

    shared = Path(__file__).parent.parent.parent / "shared" / "images" / "photos"
    yield from sorted(shared.glob("*"))
    for name in ("astronaut.png", "chelsea.png", "coffee.png", "rocket.jpg"):
        yield Path(skimage.__file__).parent / "data" / name


def curve(image: Any, kind: Any, effort: Any) -> list[float]:
    """This will give -log(1 - SSIM) for each quality from 1 to 100."""
    from pipeline.curves import likeness
    from pipeline.encode import ENCODERS, Manner, encode, palette_png
    from pipeline.measuring import decoded, told
    from pipeline.quality.reference import Reference

    reference, values = Reference(told(image, kind)), [0.0] * 101
    for quality in range(1, 101):
        if quality not in ENCODERS[kind].steps or (kind, quality) == ("png", 100):
            values[quality] = values[quality - 1]
            continue
        body = palette_png(image, quality) if kind == "png" else encode(image, kind, quality, Manner(effort=effort))
        values[quality] = likeness(reference.ssim(decoded(body, kind)))
    return values[1:]


def written(kind: str, effort: str, means: Sequence[float], components: Sequence[Sequence[float]]) -> str:
    lines = [f'    ("{kind}", "{effort}"): (', "        (", _filled([round(1000 * each) for each in means], 12)]
    lines += ["        ),", "        ("]
    for component in components:
        sign = 1 if sum(component) > 0 else -1
        values = [round(100 * sign * component[knot - 1]) for knot in KNOTS]
        lines += ["            (", _filled(values, 16), "            ),"]
    return "\n".join([*lines, "        ),", "    ),"]) + "\n"


def _filled(values: Sequence[int], indent: int) -> str:
    return textwrap.fill(
        ", ".join(map(str, values)) + ",", 116, initial_indent=" " * indent, subsequent_indent=" " * indent
    )


if __name__ == "__main__":
    main()
