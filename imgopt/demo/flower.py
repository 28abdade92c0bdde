"""One poppy: crumpled petals as curved surfaces, lit from behind."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from imgopt.demo.noise import Field, lattice, smoothstep
from imgopt.demo.photo import mix, tone
from imgopt.demo.splat import refine, splat

# The sun stands behind the flowers, high on the left: x to the right, y away from the camera, z up.
SUN = tone(-0.50, 0.62, 0.60) / np.float32(math.sqrt(0.50**2 + 0.62**2 + 0.60**2))

# (angle, scale, how upright): two outer petals, then two inner ones across them.
PETALS = ((0.4, 1.0, 0.85), (3.5, 1.0, 0.85), (1.95, 0.93, 1.12), (5.1, 0.93, 1.12))


FOOT = 0.62  # where in a sprite's height the stem begins


def _petal(rng: np.random.Generator, steps: int, angle: float, scale: float, upright: float, cup: float) -> Any:
    """This will give (points, how far towards the rim, crinkles) of one petal, as (steps, steps·1.3) grids."""
    rows, columns = steps, int(steps * 1.6)
    u = np.linspace(-1, 1, columns, dtype=np.float32)[None, :]
    t = np.linspace(0.02, 1, rows, dtype=np.float32)[:, None]
    rim = 1 - 0.30 * np.abs(u) ** 2.6 + 0.035 * lattice(rng, 1, columns, rows=1, columns=9)
    rim = rim + 0.012 * lattice(rng, 1, columns, rows=1, columns=34)
    s = t * rim
    waves = lattice(rng, rows, columns, rows=2, columns=5)
    folds = lattice(rng, rows, columns, rows=3, columns=26)
    fine = lattice(rng, rows, columns, rows=7, columns=95)
    phi = angle + u * (1.18 - 0.12 * t)
    radius = scale * (0.92 * s**0.8 + 0.05 * waves * s**2 + 0.016 * folds * s + 0.003 * fine)
    rise = scale * upright * cup * (s**1.7 + 0.10 * waves * s**3) + 0.012 * folds * s
    flare = 0.10 * scale * smoothstep(0.72, 1.0, s) * (1 + waves)
    radius, rise = radius + flare, rise - 0.6 * flare
    points = np.stack([np.cos(phi) * radius, np.sin(phi) * radius, rise], axis=-1).astype(np.float32)
    return points, s.astype(np.float32), (0.6 * folds + 0.5 * fine).astype(np.float32)


def _turn(points: Field, spin: float, pitch: float, lean: float) -> Field:
    """This will turn the flower about its own axis, tip it towards the camera, then lean it sideways."""
    cs, ss = math.cos(spin), math.sin(spin)
    cp, sp = math.cos(pitch), math.sin(pitch)
    cl, sl = math.cos(lean), math.sin(lean)
    about = np.array([[cs, -ss, 0], [ss, cs, 0], [0, 0, 1]])
    tip = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
    side = np.array([[cl, 0, sl], [0, 1, 0], [-sl, 0, cl]])
    return np.asarray(points @ (side @ tip @ about).T.astype(np.float32), np.float32)


def _normals(points: Field) -> tuple[Field, Field, Field]:
    """This will give unit normals that face the camera, which looks along +y."""
    along, across = np.gradient(points, axis=0), np.gradient(points, axis=1)
    x = along[..., 1] * across[..., 2] - along[..., 2] * across[..., 1]
    y = along[..., 2] * across[..., 0] - along[..., 0] * across[..., 2]
    z = along[..., 0] * across[..., 1] - along[..., 1] * across[..., 0]
    scale = np.where(y > 0, -1, 1) / np.maximum(np.sqrt(x * x + y * y + z * z), 1e-12)
    return x * scale, y * scale, z * scale


def _light(points: Field, s: Field, crinkles: Field, hue: float) -> Field:
    """This will shade a thin red leaf: what it reflects on the sunny side, what shines through on the other."""
    x, y, z = _normals(points)
    facing = x * SUN[0] + y * SUN[1] + z * SUN[2]
    up = 0.5 + 0.5 * z
    inside = 0.42 + 0.58 * smoothstep(0.05, 0.85, s)
    reflect = np.maximum(facing, 0) * 0.9 + up * 0.30
    through = np.maximum(-facing, 0) ** 0.8 * (1.05 - 0.25 * s)
    vein = 1 + 0.10 * crinkles
    red = tone(0.86, 0.026 + 0.03 * hue, 0.010)
    glow = tone(1.25, 0.075 + 0.09 * hue, 0.012)
    sheen = np.maximum(0, 1 + y) ** 3 * up * 0.10
    rgb = (reflect * inside * vein)[..., None] * red + (through * inside * vein)[..., None] * glow
    rgb += sheen[..., None] * tone(0.9, 0.55, 0.6)
    blotch = 1 - smoothstep(0.16, 0.34, s + 0.03 * crinkles)
    dark = tone(0.014, 0.004, 0.012)
    return np.asarray(mix(rgb, dark, (blotch * 0.93)[..., None]), np.float32)


def _balls(rng: np.random.Generator, centres: Field, size: float, per: int, colour: tuple[float, ...]) -> Any:
    """This will give points and colours of small shaded balls (anthers, the knob in the middle)."""
    offset = rng.standard_normal((len(centres), per, 3)).astype(np.float32)
    offset /= np.linalg.norm(offset, axis=2, keepdims=True)
    shade = 0.25 + 0.75 * np.clip(offset @ SUN, 0, 1) + 0.25 * np.clip(offset[..., 2], 0, 1)
    points = centres[:, None, :] + offset * np.float32(size)
    rgb = shade[..., None] * np.array(colour, np.float32)
    return points.reshape(-1, 3), rgb.reshape(-1, 3).astype(np.float32)


def poppy(rng: np.random.Generator, size: int, *, pitch: float, lean: float, cup: float, hue: float) -> Field:
    """This will give a premultiplied (size, size, 4) sprite; the flower's foot is in the middle, at 0.62 of the height.

    `pitch` 0 looks at it from the side, 1.2 into it; `cup` 0.3 is wide open, 1 is a goblet; `hue` 0 red, 1 orange.
    """
    spin = float(rng.uniform(0, 6.3))
    scale = size * 0.40
    clouds, colours = [], []
    for angle, length, upright in PETALS:
        points, s, crinkles = _petal(rng, max(size // 2, 30), angle + float(rng.normal(0, 0.12)), length, upright, cup)
        points = _turn(points, spin, pitch, lean)
        # Shaded on a coarse grid, then refined until the points lie closer than the pixels.
        dense = refine(np.concatenate([points, _light(points, s, crinkles, hue)], axis=-1), 2)
        clouds.append(dense[..., :3].reshape(-1, 3))
        colours.append(dense[..., 3:].reshape(-1, 3))
    ring = rng.uniform(0, 6.3, 110).astype(np.float32)
    out = rng.uniform(0.10, 0.27, 110).astype(np.float32)
    anthers = np.stack([np.cos(ring) * out, np.sin(ring) * out, 0.12 + 0.25 * out + rng.uniform(0, 0.1, 110)], -1)
    dots = max(int(size * 0.5), 40)
    for centres, radius, per, colour in (
        (anthers.astype(np.float32), 0.017, dots, (0.030, 0.020, 0.045)),
        (np.array([[0, 0, 0.14]], np.float32), 0.085, size * 40, (0.16, 0.22, 0.05)),
    ):
        points, rgb = _balls(rng, _turn(centres, spin, pitch, lean), radius, per, colour)
        clouds.append(points)
        colours.append(rgb)
    cloud, rgb = np.concatenate(clouds), np.concatenate(colours)
    x, y = cloud[:, 0] * scale + size / 2, size * FOOT - cloud[:, 2] * scale
    return splat(x, y, cloud[:, 1], rgb, height=size, width=size)
