"""From linear light to a photograph: shoulder, grain, the sRGB curve, a JPEG with a Display P3 profile."""

from __future__ import annotations

from typing import Any

import numpy as np

from imgopt.demo.noise import Field
from pipeline.profiles import build, srgb

# CIE xy of red, green, blue and white (SMPTE EG 432-1, with D65).
PRIMARIES = ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), (0.3127, 0.3290))

# Linear Display P3 to linear sRGB; both have the white point D65.
P3_TO_SRGB = np.array(
    [[1.2249402, -0.2249402, 0.0], [-0.0420569, 1.0420569, 0.0], [-0.0196376, -0.0786361, 1.0982735]], np.float32
)


def tone(red: float, green: float, blue: float) -> Field:
    """This will give a colour in linear light."""
    return np.array((red, green, blue), np.float32)


def mix(first: Any, second: Any, share: Any) -> Any:
    return first + (second - first) * share


def develop(light: Field, *, exposure: float = 1.0, shoulder: float = 0.7) -> Field:
    """This will bring linear light of any strength into 0..1; what is too bright keeps its hue, then pales."""
    light = np.maximum(light * np.float32(exposure), 0)
    peak = np.maximum(np.maximum(light[..., 0], light[..., 1]), light[..., 2])
    over = np.maximum(peak - shoulder, 0) / (1 - shoulder)
    held = np.minimum(peak, shoulder) + (1 - shoulder) * over / (1 + over)
    pale = np.clip((over - 0.6) * 0.22, 0, 0.85)
    light *= (held / np.maximum(peak, 1e-6) * (1 - pale))[..., None]
    light += (held * pale)[..., None]
    return light


def to_bytes(light: Field, rng: np.random.Generator, *, grain: float = 0.006) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """This will apply the sRGB curve through a table (a power of 11 million values takes half a second) and grain."""
    grid = np.linspace(0, 1, 4096, dtype=np.float32)
    curve = np.where(grid <= 0.0031308, grid * 12.92, 1.055 * grid ** (1 / 2.4) - 0.055).astype(np.float32)
    # The table is read at the square root, so the steep dark end gets its share of entries.
    root = np.interp(np.linspace(0, 1, 4096) ** 2, grid, curve).astype(np.float32)
    coded = root[(np.sqrt(np.clip(light, 0, 1)) * 4095).astype(np.uint16)]
    noise = rng.standard_normal(coded.shape[:2], np.float32) * np.float32(grain)
    return np.asarray(np.clip((coded + noise[..., None]) * 255 + 0.5, 0, 255), np.uint8)


def to_jpeg(pixels: np.ndarray[Any, np.dtype[np.uint8]], *, quality: int = 91) -> bytes:
    """This will encode 4:4:4 with a Display P3 profile inside."""
    import pyvips

    height, width, _ = pixels.shape
    image = pyvips.Image.new_from_memory(pixels.tobytes(), width, height, 3, "uchar").copy(interpretation="srgb")
    image.set_type(pyvips.GValue.blob_type, "icc-profile-data", build("Display P3", PRIMARIES, srgb))
    return bytes(image.jpegsave_buffer(Q=quality, subsample_mode="off", optimize_coding=True, keep="icc"))
