"""SSIMULACRA 2.1 (Sneyers, Cloudinary, 2023), by the PyPI package of that name: 100 for equal pictures, 90 and above
hard to tell apart, 70 good, 50 middling, 30 poor.

The package leaves out what lies beyond the edge in another way than the C++ original and has another approximation of
the Gaussian: over 24 files (6 photographs at 480 px; JPEG 30, 75 and 95, WebP 75) it scored 0.0 to 1.1 lower at 75 and
above and 1.1 to 2.2 lower at JPEG 30 than the original's formulas. So its scores order results as the original's do,
and are not to be compared with scores published elsewhere.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.quality.pixels import Pixels


def score(reference: Pixels, result: Pixels) -> float:
    from ssimulacra2 import compute_ssimulacra2  # imported late: it loads scipy, which takes 0.3 s

    return float(compute_ssimulacra2(_file(reference), _file(result)))


def _file(pixels: Pixels) -> io.BytesIO:
    """The package takes what Pillow can open."""
    from PIL import Image

    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "BMP")
    out.seek(0)
    return out
