"""Real photographs that come with scikit-image, and what an encoder makes of them; and its figures for a comparison."""

from __future__ import annotations

import io
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import skimage
from numpy.typing import NDArray
from PIL import Image
from skimage.color import deltaE_ciede2000, rgb2lab
from skimage.metrics import structural_similarity

from tests.images import SHARED, Pixels

_BUNDLED = Path(skimage.__file__).parent / "data"
PHOTOGRAPHS = ("astronaut.png", "chelsea.png", "coffee.png", "rocket.jpg")
MORE = tuple(sorted(path.name for path in (SHARED / "photos").glob("*.png"))) if SHARED.is_dir() else ()
"""Where the project's own real images are at hand."""

LUMA = np.array([0.299, 0.587, 0.114])


@cache
def photograph(name: str) -> Pixels:
    path = _BUNDLED / name
    picture = Image.open(path if path.is_file() else SHARED / "photos" / name).convert("RGB")
    picture.thumbnail((512, 512))
    return np.asarray(picture)


@cache
def written(name: str, kind: str, quality: int) -> Pixels:
    """This will encode a photograph with Pillow and decode it again."""
    out = io.BytesIO()
    Image.fromarray(photograph(name)).save(out, kind, quality=quality)
    return np.asarray(Image.open(out).convert("RGB"))


def ssim_of(first: Pixels, second: Pixels) -> tuple[float, NDArray[np.float64]]:
    """This will give scikit-image's mean SSIM after Wang et al., and its map."""
    mean, local = structural_similarity(
        first @ LUMA, second @ LUMA, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=255,
        full=True,
    )  # fmt: skip
    return float(mean), local


def delta_e_of(first: Pixels, second: Pixels) -> NDArray[np.float64]:
    found: NDArray[Any] = deltaE_ciede2000(rgb2lab(first), rgb2lab(second))
    return found


def over(rgba: Pixels, ground: int) -> Pixels:
    """This will lay a picture with alpha over a grey, values rounded."""
    alpha = rgba[..., 3:].astype(float) / 255
    return np.rint(rgba[..., :3] * alpha + ground * (1 - alpha)).astype(np.uint8)
