"""A picture with enough detail that its sizes differ, drawn in code."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image


def draw_photo(width: int, height: int) -> bytes:
    """This will give a JPEG of a smooth ground with seeded noise."""
    across, down = np.meshgrid(np.linspace(0, 1, width), np.linspace(0, 1, height))
    noise = np.random.default_rng(7).normal(0, 0.04, (height, width))
    bands = [across, down, 0.5 + 0.4 * np.sin(12 * across * down)]
    pixels = np.clip(np.stack([band * 0.8 + 0.1 + noise for band in bands], axis=-1), 0, 1)
    out = io.BytesIO()
    Image.fromarray((pixels * 255).astype(np.uint8)).save(out, "JPEG", quality=88)
    return out.getvalue()
