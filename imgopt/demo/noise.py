"""Random textures: all deterministic, all float32."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Field = NDArray[np.float32]


def spectral(rng: np.random.Generator, height: int, width: int, *, beta: float, low: float = 1.0) -> Field:
    """This will give tileable noise of mean 0 and deviation 1 whose power falls with frequency to the `beta`.

    `beta` 0 is white noise, 2 to 3.5 is cloud and rock. `low` (cycles an image height) drops everything coarser.
    """
    rows = np.fft.fftfreq(height, 1 / height).astype(np.float32)[:, None]
    columns = (np.arange(width // 2 + 1, dtype=np.float32) * (height / width))[None, :]
    squared = rows * rows + columns * columns
    squared[squared < low * low] = np.inf
    shape = squared.shape
    waves = rng.standard_normal(shape, np.float32) + 1j * rng.standard_normal(shape, np.float32)
    field = np.fft.irfft2((waves * squared ** (-beta / 4)).astype(np.complex64), s=(height, width))
    return np.asarray((field - field.mean()) / field.std(), np.float32)


def _spline(size: int, cells: int) -> Field:
    """This will give the (size, cells + 3) matrix of cubic B-spline weights."""
    at = np.linspace(0, cells, size, endpoint=False, dtype=np.float32)
    cell = at.astype(np.int32)
    t = at - cell
    weights = ((1 - t) ** 3 / 6, (3 * t**3 - 6 * t**2 + 4) / 6, (-3 * t**3 + 3 * t**2 + 3 * t + 1) / 6, t**3 / 6)
    matrix = np.zeros((size, cells + 3), np.float32)
    for tap, weight in enumerate(weights):
        matrix[np.arange(size), cell + tap] = weight
    return matrix


def lattice(rng: np.random.Generator, height: int, width: int, *, rows: int, columns: int) -> Field:
    """This will give smooth noise with `rows` × `columns` bumps, roughly within -1..1."""
    grid = rng.standard_normal((rows + 3, columns + 3), np.float32)
    return np.asarray(_spline(height, rows) @ grid @ _spline(width, columns).T * 1.6, np.float32)


def _wrap(index: NDArray[np.int32], size: int) -> NDArray[np.int32]:
    """This will give index % size, which is five times quicker as a bit mask."""
    return index & (size - 1) if size & (size - 1) == 0 else index % size


def sample(field: Field, y: Field, x: Field) -> Field:
    """This will read `field` at fractional places, bilinearly; it repeats in all directions."""
    height, width = field.shape[:2]
    y_floor, x_floor = np.floor(y), np.floor(x)
    fy, fx = y - y_floor, x - x_floor
    y0, x0 = _wrap(y_floor.astype(np.int32), height), _wrap(x_floor.astype(np.int32), width)
    y1, x1 = _wrap(y0 + 1, height), _wrap(x0 + 1, width)
    flat: Any = field.reshape(height * width, *field.shape[2:])
    if field.ndim == 3:
        fy, fx = fy[..., None], fx[..., None]
    y0 *= width
    y1 *= width
    upper = flat[y0 + x0]
    upper += (flat[y0 + x1] - upper) * fx
    lower = flat[y1 + x0]
    lower += (flat[y1 + x1] - lower) * fx
    upper += (lower - upper) * fy
    return np.asarray(upper, np.float32)


def smoothstep(low: float, high: float, value: Any) -> Any:
    t = np.clip((value - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)
