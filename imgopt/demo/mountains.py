"""A fjord's mountains: a height map, lit by a low sun with its shadows, seen from the water."""

from __future__ import annotations

import math

import numpy as np

from imgopt.demo.noise import Field, lattice, sample, smoothstep, spectral
from imgopt.demo.photo import mix, tone

SIZE = 1400  # cells of the map along each side
LEFT, SPAN_X = -3300.0, 6600.0  # metres
NEAR, SPAN_Z = 1500.0, 5600.0
CELL_X, CELL_Z = SPAN_X / SIZE, SPAN_Z / SIZE

# Where the sun stands: x to the right, y up, z away from the camera. Low on the left, a little behind us.
SUN = (-0.80, 0.34, -0.50)
SUNLIGHT = tone(3.1, 1.42, 0.50)
SKYLIGHT = tone(0.16, 0.25, 0.46)
HAZE = tone(0.42, 0.37, 0.42)

# (x, z, height, radius) in metres: the composition. The gap on the left lets the light in.
PEAKS = (
    (1050, 3300, 1020, 620), (1750, 3000, 800, 560), (2500, 3400, 900, 700), (480, 3900, 560, 420),
    (-1900, 3600, 760, 640), (-2700, 3300, 620, 700), (-1150, 4400, 520, 480), (-350, 6300, 720, 700),
    (700, 6500, 760, 800), (-1500, 6400, 640, 700), (60, 5000, 260, 500),
)  # fmt: skip


def heights(rng: np.random.Generator) -> Field:
    """This will give metres above the sea: sharp ridges where noise crosses zero, on the peaks of the composition."""
    z = (NEAR + CELL_Z * np.arange(SIZE, dtype=np.float32))[:, None]
    x = (LEFT + CELL_X * np.arange(SIZE, dtype=np.float32))[None, :]
    envelope = np.zeros((SIZE, SIZE), np.float32)
    for px, pz, height, radius in PEAKS:
        far = np.sqrt((x - px) ** 2 + ((z - pz) * 0.8) ** 2) / radius
        np.maximum(envelope, height * np.exp(-0.9 * far**1.45), out=envelope)
    ridges = np.zeros((SIZE, SIZE), np.float32)
    weight: Field | float = 1.0
    for octave in range(6):
        rows = 5 * 2**octave
        signal = (1 - np.minimum(np.abs(lattice(rng, SIZE, SIZE, rows=rows, columns=rows)) * 1.15, 1)) ** 2
        ridges += signal * weight * np.float32(0.44**octave)
        weight = np.clip(signal * 1.7, 0, 1)
    rough = spectral(rng, SIZE, SIZE, beta=2.6, low=60)
    land = envelope * (0.30 + 0.62 * ridges) * (1 + 0.006 * rough)
    return np.asarray(land + 1.3 * rough * smoothstep(20, 200, land) - 26, np.float32)


def _shadows(land: Field) -> Field:
    """This will give 1 in the sun, 0 in shadow. The ray's horizon is found by doubling: nine steps see 512 cells."""
    step = math.hypot(SUN[0], SUN[2])
    dx, dz = SUN[0] / step, SUN[2] / step
    rise = SUN[1] / step * math.hypot(dx * CELL_X, dz * CELL_Z)
    horizon = land - 1e-3
    for doubling in range(1, 9):
        cells = 2 ** (doubling - 1)
        shifted = np.roll(horizon, (-round(dz * cells), -round(dx * cells)), axis=(0, 1)) - rise * cells
        horizon = np.maximum(horizon, shifted)
    return np.asarray(1 - smoothstep(2, 26, horizon - land), np.float32)


def _colours(rng: np.random.Generator, land: Field) -> Field:
    """This will give each cell's light: rock, turf, snow, under sun and sky."""
    slope_z, slope_x = np.gradient(land, CELL_Z, CELL_X)
    flat = 1 / np.sqrt(1 + slope_x**2 + slope_z**2)
    facing = np.clip((-slope_x * SUN[0] + SUN[1] - slope_z * SUN[2]) * flat, 0, 1) * _shadows(land)
    patches = spectral(rng, SIZE, SIZE, beta=1.8, low=4)
    rock = tone(0.17, 0.150, 0.135) * (1 + 0.22 * patches)[..., None]
    turf = mix(
        tone(0.085, 0.12, 0.012), tone(0.24, 0.15, 0.02),
        smoothstep(-0.6, 1.2, patches)[..., None],
    )  # fmt: skip
    grown = smoothstep(0.52, 0.72, flat + 0.05 * patches) * smoothstep(420, 240, land + 40 * patches)
    snow = smoothstep(0.50, 0.66, flat + 0.045 * patches) * smoothstep(330, 560, land + 60 * patches)
    albedo = mix(mix(rock, turf, grown[..., None]), np.float32(0.82), snow[..., None])
    light = facing[..., None] * SUNLIGHT + (0.45 + 0.55 * flat)[..., None] * SKYLIGHT
    return np.asarray(albedo * light, np.float32)


def view(rng: np.random.Generator, scene: Field, *, horizon: float, focal: float, eye: float) -> None:
    """This will paint the mountains over the sky of `scene`, in place, above row `horizon`."""
    land = heights(rng)
    colours = _colours(rng, land)
    _, width, _ = scene.shape
    depth = np.geomspace(NEAR + 5, NEAR + SPAN_Z - 10, 420).astype(np.float32)[:, None]
    across = ((np.arange(width, dtype=np.float32) + 0.5 - width / 2) / focal)[None, :]
    z_cell = np.broadcast_to((depth - NEAR) / CELL_Z, (len(depth), width))
    seen = (sample(land, z_cell, (across * depth - LEFT) / CELL_X) - eye) / depth
    skyline = np.maximum.accumulate(seen, axis=0)
    bottom = int(horizon) + 1
    rows = (horizon - np.arange(bottom, dtype=np.float32) - 0.5) / focal
    index = np.empty((bottom, width), np.float32)
    steps = np.arange(len(depth), dtype=np.float32)
    for column in range(width):
        index[:, column] = np.interp(rows, skyline[:, column], steps, right=len(depth))
    far = depth[np.minimum(index, len(depth) - 1).astype(np.int32), 0]
    # A height, not a yes or no, at the skyline, so that the edge against the sky is smooth.
    cover = np.clip((skyline[-1][None, :] - rows[:, None]) * focal + 0.5, 0, 1)
    where = np.nonzero(cover > 0)
    z = far[where]
    rgb = sample(colours, (z - NEAR) / CELL_Z, (across[0, where[1]] * z - LEFT) / CELL_X)
    low = np.clip(1 - (horizon - where[0]) / 420, 0, 1)
    air = 1 - np.exp(-((z / 10500) ** 1.7) * (0.7 + 1.1 * low))
    glow = np.exp(-(((where[1] - 560) / 620) ** 2)).astype(np.float32)[:, None]
    rgb = mix(rgb, HAZE * (0.75 + glow * tone(1.0, 0.42, 0.06)), air[:, None].astype(np.float32))
    scene[where] += (rgb - scene[where]) * cover[where][:, None]
