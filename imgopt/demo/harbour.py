"""`demo/harbour`: red cabins by a fjord in the last sun."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from imgopt.demo import mountains
from imgopt.demo.boat import boat
from imgopt.demo.cabins import Cabin, Lens, draw_cabin
from imgopt.demo.noise import Field, lattice, sample, smoothstep, spectral
from imgopt.demo.photo import develop, mix, to_bytes, tone
from imgopt.demo.splat import enlarge, over

WIDTH, HEIGHT = 2400, 1600
HORIZON = 860.0
FOCAL = 2078.0  # pixels: 60 degrees across
EYE = 9.0  # metres: the picture is taken from a bridge


def _sky(rng: np.random.Generator) -> Field:
    """This will paint the evening sky and its clouds on one plane high above, seen in perspective."""
    height, width = int(HORIZON) // 2 + 1, WIDTH // 2
    y = np.arange(height, dtype=np.float32)[:, None]
    x = np.arange(width, dtype=np.float32)[None, :]
    up = np.clip(1 - y / (HORIZON / 2), 0, 1)
    sun = np.exp(-(((x - 280) / 420) ** 2) - (up / 0.42) ** 2)[..., None]
    clear = mix(tone(0.92, 0.36, 0.07), tone(0.08, 0.38, 0.52), smoothstep(0.10, 0.62, up)[..., None])
    clear = mix(clear, tone(0.015, 0.12, 0.34), smoothstep(0.42, 1.15, up)[..., None])
    clear = clear + sun * tone(0.9, 0.36, 0.03)
    far = 1 / (up + 0.10)
    noise = spectral(rng, 1024, 1024, beta=3.0, low=2)
    v, u = far * 150, (x - width * 0.45) / 600 * far * 210
    v = np.broadcast_to(v, u.shape).astype(np.float32)
    cloud = sample(noise, v, u)
    below = sample(noise, v + 16, u - 14)
    bank = lattice(rng, 1, width, rows=1, columns=3)
    cover = smoothstep(0.15, 1.35, cloud + 0.25 * bank) * smoothstep(0.02, 0.2, up)
    lit = smoothstep(-0.5, 0.9, cloud - below)[..., None]
    rgb = mix(tone(0.30, 0.20, 0.27), tone(1.45, 0.50, 0.17), lit)
    rgb = mix(rgb, rgb * tone(1.35, 0.95, 0.62), sun)
    sky = mix(clear, rgb, (cover * 0.88)[..., None]).astype(np.float32)
    return enlarge(sky, 2)[: int(HORIZON) + 1]


def _water(rng: np.random.Generator, mirrored: Field) -> Field:
    """This will paint the sea: `mirrored` is what a flat sea would show; waves bend it, and depth shines through."""
    rows = HEIGHT - int(HORIZON)
    y = (np.arange(rows, dtype=np.float32) + 0.5)[:, None]
    x = (np.arange(WIDTH, dtype=np.float32) + 0.5 - WIDTH / 2)[None, :]
    distance = EYE * FOCAL / y
    east = (x / FOCAL * distance).astype(np.float32)
    north = np.broadcast_to(distance, east.shape).astype(np.float32)
    swell = spectral(rng, 1024, 1024, beta=3.4, low=8)
    ripple = spectral(rng, 1024, 1024, beta=3.2, low=36)
    slope = sample(0.6 * (swell - np.roll(swell, -3, axis=0)), north * 9, east * 6)
    fine = sample(ripple, north * 27, east * 19)
    # Far away one pixel holds many ripples, and they cancel out.
    keep = np.clip(y / 170, 0.02, 1)
    tilt: Field = (slope * 0.9 + fine * 0.32 * keep).astype(np.float32)
    reach = 4 + 26 * np.clip(y / 300, 0, 1)
    source_y = np.clip(y + tilt * reach, 0, mirrored.shape[0] - 1.01)
    source_x = np.clip(x + WIDTH / 2 + fine * keep * 7, 0, WIDTH - 1.01)
    reflected = sample(mirrored, source_y.astype(np.float32), source_x.astype(np.float32))
    grazing = np.clip(y / FOCAL + 0.055 * tilt, 0.0, 1)
    fresnel = 0.02 + 0.98 * (1 - grazing) ** 5.5
    return np.asarray(mix(_depths(rng, north, east, tilt), reflected, fresnel[..., None]), np.float32)


def _depths(rng: np.random.Generator, north: Field, east: Field, tilt: Field) -> Field:
    """This will paint what shines through: sand under turquoise water, weed, and the net of light of the waves."""
    ground = spectral(rng, 1024, 1024, beta=3.0, low=3)
    net = spectral(rng, 1024, 1024, beta=2.8, low=22)
    bend = tilt * 0.25
    bottom = sample(ground, (north + bend) * 9, (east + bend) * 9)
    deep = smoothstep(26, 75, north + 9 * bottom)
    sand = mix(tone(0.030, 0.44, 0.36), tone(0.002, 0.15, 0.20), deep[..., None])
    weed = smoothstep(0.55, 1.1, bottom)[..., None] * (1 - 0.7 * deep[..., None])
    light = np.clip(1 - 1.7 * np.abs(sample(net, (north + bend) * 22, (east + bend) * 22)), 0, 1) ** 3
    shadow = np.exp(-(((east - BOAT_X - 2.0) / 2.6) ** 4) - ((north - BOAT_Z + 1.2) / 1.5) ** 4)[..., None]
    sand = sand * (1 - 0.62 * shadow)
    body = mix(sand, tone(0.012, 0.07, 0.045), weed * 0.85)
    return np.asarray(body * (0.82 + 0.85 * (light * (1 - deep))[..., None]), np.float32)


RED, OCHRE, WHITE, TEAL = (0.50, 0.020, 0.008), (0.72, 0.33, 0.012), (0.74, 0.73, 0.70), (0.02, 0.22, 0.24)

# (x, z, width, depth, wall, roof, turn, colour): metres and radians.
HOUSES = (
    (-42, 128, 7, 9, 3.2, 2.8, 0.35, RED), (-33, 122, 6, 8, 3.0, 2.5, 0.30, OCHRE),
    (-24, 119, 7, 10, 3.3, 2.9, 0.25, RED), (-14.5, 112, 6, 9, 3.0, 2.6, 0.12, WHITE),
    (-6, 106, 7.5, 10, 4.2, 3.1, 0.18, RED), (3, 99, 6, 9, 3.0, 2.6, -0.25, RED),
    (11, 95, 6.5, 9, 3.2, 2.7, -0.20, OCHRE), (19.5, 90, 7, 9, 3.1, 2.9, -0.32, RED),
    (28, 84, 6.5, 9, 3.2, 2.7, -0.28, TEAL), (36, 80, 7.5, 10, 4.0, 3.1, -0.40, RED),
    (-1, 124, 8, 10, 5.6, 3.2, 0.05, RED), (22, 112, 8, 10, 5.8, 3.2, -0.2, WHITE),
)  # fmt: skip

CABINS = tuple(
    Cabin(x=x, z=z, width=width, depth=depth, wall=wall, roof=roof, turn=turn, colour=colour)
    for x, z, width, depth, wall, roof, turn, colour in HOUSES
)

BOAT_X, BOAT_Z, BOAT_TURN = -7.5, 33.0, 1.05


def _rocks(layer: Field, rng: np.random.Generator, lens: Lens) -> None:
    """This will draw the low skerry the village stands on, or its mirror image."""
    x = np.arange(WIDTH, dtype=np.float32)
    world = (x - lens.centre) / lens.focal
    distance = 118 - 48 * smoothstep(-0.25, 0.45, world)
    width = smoothstep(-0.46, -0.36, world) * (1 - smoothstep(0.60, 0.75, world))
    rough = lattice(rng, 1, WIDTH, rows=1, columns=24)[0] + 0.5 * lattice(rng, 1, WIDTH, rows=1, columns=110)[0]
    height = np.maximum(2.4 + 0.75 * rough, 0.7) * width - 0.4 * (1 - width)
    water = lens.horizon + lens.focal * lens.eye / distance
    top = lens.horizon - lens.focal * ((-height if lens.mirror else height) - lens.eye) / distance
    first, last = (water, top) if lens.mirror else (top, water)
    start, stop = int(np.minimum(first, last).min()) - 1, int(np.maximum(first, last).max()) + 2
    layer = layer[start:stop]
    y = np.arange(start, stop, dtype=np.float32)[:, None] + 0.5
    cover = np.clip(y - first + 0.5, 0, 1) * np.clip(last - y + 0.5, 0, 1)
    rgb = _stone(rng, np.abs(y - water) / lens.focal * distance, world * distance)
    layer[..., :3] += (rgb - layer[..., :3]) * cover[..., None]
    layer[..., 3] += (1 - layer[..., 3]) * cover


def _stone(rng: np.random.Generator, lift: Field, east: Field) -> Field:
    """This will paint rock `lift` metres above the sea: weed at the foot, turf on top, lit from the left."""
    relief = spectral(rng, 512, 512, beta=2.2, low=5)
    v, u = lift * 55, np.broadcast_to(east * 22, lift.shape)
    bump = sample(relief, v, u)
    lit = np.clip(0.55 + 0.9 * (bump - sample(relief, v - 5, u + 6)), 0.05, 1.5)[..., None]
    dry = smoothstep(0.35, 0.75, lift + 0.1 * bump)[..., None]
    turf = smoothstep(1.6, 2.3, lift + 0.3 * bump)[..., None]
    rock = mix(mix(tone(0.035, 0.028, 0.006), tone(0.21, 0.18, 0.155), dry), tone(0.16, 0.17, 0.015), turf)
    return np.asarray(rock * (lit * mountains.SUNLIGHT * 0.45 + mountains.SKYLIGHT), np.float32)


def _village(lens: Lens) -> Field:
    """This will draw everything that stands at the water, as a premultiplied picture."""
    layer = np.zeros((HEIGHT, WIDTH, 4), np.float32)
    _rocks(layer, np.random.default_rng(7), lens)
    for seed, cabin in sorted(enumerate(CABINS), key=lambda pair: -pair[1].z):
        draw_cabin(layer, lens, cabin, seed * 2)
    return layer


def _things(canvas: Field, lens: Lens, *, top: int) -> None:
    """This will lay village and boat, or their mirror image, on a canvas that begins at row `top`."""
    over(canvas, _village(lens)[top:], top=0, left=0)
    sprite, row, column = boat(lens, x=BOAT_X, z=BOAT_Z, turn=BOAT_TURN, height=HEIGHT, width=WIDTH)
    over(canvas, sprite, top=row - top, left=column)


def paint_harbour() -> Any:
    """This will give the picture as (1600, 2400, 3) bytes in Display P3."""
    rng = np.random.default_rng(20240621)
    above = _sky(rng)
    mountains.view(rng, above, horizon=HORIZON, focal=FOCAL, eye=EYE)
    scene = np.empty((HEIGHT, WIDTH, 3), np.float32)
    shore = int(HORIZON)
    scene[:shore] = above[:shore]
    lens = Lens(centre=WIDTH / 2, horizon=HORIZON, focal=FOCAL, eye=EYE)
    mirrored = above[::-1].copy()
    _things(mirrored, replace(lens, mirror=True), top=shore)
    scene[shore:] = _water(rng, mirrored)
    _things(scene, lens, top=0)
    return to_bytes(develop(scene), rng, grain=0.003)
