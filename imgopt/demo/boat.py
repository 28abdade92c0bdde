"""A rowing boat: a curved hull as a cloud of points, with planks, thwarts and a red strake."""

from __future__ import annotations

import numpy as np

from imgopt.demo.cabins import Lens
from imgopt.demo.mountains import SKYLIGHT, SUN, SUNLIGHT
from imgopt.demo.noise import Field, smoothstep
from imgopt.demo.photo import mix, tone
from imgopt.demo.splat import refine, splat

LENGTH, BEAM, SHEER, DRAUGHT = 5.6, 1.7, 0.62, 0.12  # metres

WHITE = tone(0.74, 0.72, 0.68)
RED = tone(0.62, 0.018, 0.006)
WOOD = tone(0.36, 0.155, 0.045)


def _hull(along: Field, around: Field, thickness: float) -> Field:
    """This will give points: `along` -1 (stern) to 1 (stem), `around` -1 to 1 from gunwale over keel to gunwale."""
    bow = np.where(along > 0, np.abs(along) ** 2.3, np.abs(along) ** 4.0 * 0.72)
    half = (BEAM / 2 - thickness) * np.sqrt(np.clip(1 - bow, 0, 1))
    rim = SHEER + 0.34 * np.clip(along, 0, 1) ** 2.2 + 0.10 * np.clip(-along, 0, 1) ** 2
    x = half * np.sign(around) * np.abs(around) ** 0.55
    y = -DRAUGHT + thickness + (rim + DRAUGHT - thickness) * np.abs(around) ** 2.1
    z = LENGTH / 2 * along * (0.90 + 0.10 * np.abs(around))
    return np.stack(np.broadcast_arrays(x, y, z), axis=-1).astype(np.float32)


def _shade(points: Field, albedo: Field, *, inward: bool) -> Field:
    along, across = np.gradient(points, axis=0), np.gradient(points, axis=1)
    normal = np.cross(along, across)
    normal /= np.maximum(np.linalg.norm(normal, axis=-1, keepdims=True), 1e-9)
    middle = tone(0, 0.5, 0)
    outward = np.sign((normal * (points - middle)).sum(axis=-1, keepdims=True))
    normal *= -outward if inward else outward
    hollow = smoothstep(-0.3, 0.75, points[..., 1:2]) if inward else np.float32(1)
    light = np.clip(normal @ np.array(SUN, np.float32), 0, 1)[..., None] * SUNLIGHT * 0.62 * hollow
    return np.asarray(albedo * (light + SKYLIGHT * (0.9 + 0.4 * normal[..., 1:2]) * (0.35 + 0.65 * hollow)), np.float32)


def _parts() -> list[tuple[Field, Field]]:
    along = np.linspace(-1, 1, 260, dtype=np.float32)[:, None]
    around = np.linspace(-1, 1, 200, dtype=np.float32)[None, :]
    height = np.broadcast_to(np.abs(around), (260, 200))[..., None]
    outside = _hull(along, around, 0.0)
    strakes = 0.80 + 0.20 * smoothstep(0.0, 0.16, np.abs((height * 5) % 1 - 0.5) * 2)
    paint = mix(WHITE, RED, (height > 0.80).astype(np.float32)) * strakes
    paint = mix(paint, np.float32(0.62), ((height > 0.97) | (np.abs(height - 0.80) < 0.012)).astype(np.float32))
    inside = _hull(along, around, 0.05)
    ribs = 1 - 0.45 * (np.abs((along * 11) % 1 - 0.5) < 0.09).astype(np.float32)[..., None]
    boards = WOOD * (0.72 + 0.28 * smoothstep(0.0, 0.2, np.abs((height * 6) % 1 - 0.5) * 2)) * ribs
    parts = [(outside, _shade(outside, paint, inward=False)), (inside, _shade(inside, boards, inward=True))]
    for middle, wide in ((-0.62, 0.16), (-0.05, 0.11), (0.45, 0.11)):
        rows = np.linspace(middle - wide / 2, middle + wide / 2, 20, dtype=np.float32)[:, None]
        columns = np.linspace(-1, 1, 120, dtype=np.float32)[None, :]
        seat = _hull(np.broadcast_to(rows, (20, 1)), np.where(columns < 0, -0.80, 0.80), 0.03)
        seat[..., 0] *= np.abs(columns)
        grain = 1 + 0.10 * np.sin(rows * 190)[..., None]
        parts.append((seat, np.broadcast_to(WOOD * 1.25 * (SUNLIGHT * 0.30 + SKYLIGHT) * grain, seat.shape)))
    for side in (-1, 1):
        t = np.linspace(0, 1, 200, dtype=np.float32)[:, None]
        broad = np.linspace(-1, 1, 14, dtype=np.float32)[None, :] * np.where(t > 0.78, 0.075, 0.028)
        oar = np.stack(np.broadcast_arrays(side * (0.42 + 0.05 * t) + broad, 0.55 + 0.10 * t, -1.6 + 3.1 * t), axis=-1)
        parts.append((oar.astype(np.float32), np.broadcast_to(WOOD * 1.7 * (SUNLIGHT * 0.34 + SKYLIGHT), oar.shape)))
    return parts


def boat(lens: Lens, *, x: float, z: float, turn: float, height: int, width: int) -> tuple[Field, int, int]:
    """This will give a premultiplied sprite with its top and left; the sea hides what is below it."""
    c, s = np.float32(np.cos(turn)), np.float32(np.sin(turn))
    clouds, colours = [], []
    for points, rgb in _parts():
        dense = refine(np.concatenate([points, rgb], axis=-1), 4)
        clouds.append(dense[..., :3].reshape(-1, 3))
        colours.append(dense[..., 3:].reshape(-1, 3))
    cloud, colour = np.concatenate(clouds), np.concatenate(colours)
    afloat = cloud[:, 1] > 0
    cloud, colour = cloud[afloat], colour[afloat]
    east, north = x + cloud[:, 0] * c + cloud[:, 2] * s, z - cloud[:, 0] * s + cloud[:, 2] * c
    up = -cloud[:, 1] if lens.mirror else cloud[:, 1]
    column = lens.centre + lens.focal * east / north
    row = lens.horizon + lens.focal * (lens.eye - up) / north
    left, top = int(column.min()) - 2, int(row.min()) - 2
    shape = (min(int(row.max()) + 3, height) - top, min(int(column.max()) + 3, width) - left)
    across, down = (column - left).astype(np.float32), (row - top).astype(np.float32)
    return splat(across, down, north, colour, height=shape[0], width=shape[1]), top, left
