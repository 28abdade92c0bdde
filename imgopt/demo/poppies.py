"""`demo/poppies`: a field against the evening sun, through a long lens with little depth of field."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from imgopt.demo.flower import FOOT, poppy
from imgopt.demo.noise import Field, lattice, smoothstep, spectral
from imgopt.demo.photo import develop, mix, to_bytes, tone
from imgopt.demo.splat import enlarge, halve, over

WIDTH, HEIGHT = 2400, 1600
COARSE = 4  # what is out of focus is painted at a quarter of the size
HORIZON = 600.0
FOCAL = 4400.0  # pixels: about an 85-mm lens on full frame
EYE = 0.55  # metres above the ground
FOCUS = 1.12  # metres
BLUR = 62.0  # width of the circle of confusion at infinity, in pixels

# (x, y, which sprite) of the flowers in focus, the far ones first; places by eye.
HEROES = (
    (1010, 545, 6), (1960, 470, 5), (1130, 1060, 2), (330, 560, 4),
    (470, 1150, 3), (2120, 900, 3), (760, 820, 1), (1585, 640, 0),
)  # fmt: skip

# (x, y, which sprite, how many times larger) of the flowers right before the lens.
FRONT = ((35, 480, 1, 2), (2290, 1560, 3, 2))

# (size, pitch, lean, cup, hue) of the drawn flowers; all others are copies of these.
MODELS = (
    (470, 0.50, -0.18, 0.62, 0.55), (420, 0.80, 0.22, 0.50, 0.15), (250, 1.15, 0.05, 0.42, 0.45),
    (300, 0.22, 0.25, 0.72, 0.75), (250, 0.10, -0.25, 0.66, 0.20), (200, -0.20, 0.20, 0.85, 0.40),
    (200, 0.45, -0.35, 0.55, 0.90),
)  # fmt: skip


def bokeh(layer: Field, diameter: float) -> Field:
    """This will blur as a lens does: every point of light becomes an even disc (in linear light, by FFT)."""
    height, width = layer.shape[:2]
    pad = int(diameter) + 2
    rows, columns = _quick_length(height + 2 * pad), _quick_length(width + 2 * pad)
    margins = ((pad, rows - height - pad), (pad, columns - width - pad), (0, 0))
    framed = np.pad(layer, margins, mode="edge")
    y, x = np.fft.fftfreq(rows, 1 / rows)[:, None], np.fft.fftfreq(columns, 1 / columns)[None, :]
    disc = np.clip(diameter / 2 + 0.5 - np.hypot(y, x), 0, 1).astype(np.float32)
    lens = np.fft.rfft2(disc / disc.sum())[..., None].astype(np.complex64)
    spread = np.fft.irfft2(np.fft.rfft2(framed, axes=(0, 1)) * lens, s=framed.shape[:2], axes=(0, 1))
    out = np.maximum(spread[pad : pad + height, pad : pad + width], 0)
    out[..., 3:] = np.minimum(out[..., 3:], 1)
    return np.asarray(out, np.float32)


def _quick_length(size: int) -> int:
    """This will give the next size without prime factors above 5, at which an FFT takes half the time."""
    while 30**12 % size:
        size += 1
    return size


def _backdrop(rng: np.random.Generator) -> Field:
    """This will paint sky, hills, a row of trees and the far field, at a quarter of the size."""
    height, width = HEIGHT // COARSE, WIDTH // COARSE
    horizon = HORIZON / COARSE
    y = np.arange(height, dtype=np.float32)[:, None]
    x = np.arange(width, dtype=np.float32)[None, :]
    up = np.clip(1 - y / horizon, 0, 1)[..., None]
    glow = np.exp(-(((x - 150) / 240) ** 2) - ((y - 95) / 105) ** 2)[..., None]
    sky = mix(tone(0.86, 0.47, 0.20), tone(0.045, 0.22, 0.56), up**0.60)
    clouds = spectral(rng, height, width, beta=3.1, low=1.5)
    cover = smoothstep(0.1, 1.5, clouds + 0.5 * np.sin(y / 29))[..., None] * (0.25 + 0.75 * up)
    sky = mix(sky, tone(0.92, 0.60, 0.42), cover * 0.62)
    sky = sky + glow * tone(1.5, 0.80, 0.20)
    scene = np.broadcast_to(sky, (height, width, 3)).copy()
    for base, rise, bumps, colour in (
        (30, 20, 4, (0.17, 0.23, 0.33)), (18, 15, 6, (0.08, 0.15, 0.13)), (7, 13, 34, (0.030, 0.075, 0.022)),
    ):  # fmt: skip
        ridge = horizon - base - rise * 0.5 * (1 + lattice(rng, 1, width, rows=1, columns=bumps))
        leaf = 1 + 0.35 * lattice(rng, height, width, rows=130, columns=200)[..., None]
        warm = glow * tone(0.5, 0.28, 0.06)
        scene = mix(scene, np.array(colour, np.float32) * leaf + warm, np.clip(y - ridge, 0, 1)[..., None])
    return np.asarray(mix(scene, _far_field(rng, y, glow), np.clip(y - horizon + 4, 0, 1)[..., None]), np.float32)


def _far_field(rng: np.random.Generator, y: Field, glow: Field) -> Field:
    """This will paint green and gold to the horizon; the flowers themselves come later."""
    near = np.clip((y - HORIZON / COARSE) / 240, 0, 1)
    tufts = spectral(rng, HEIGHT // COARSE, WIDTH // COARSE, beta=1.2, low=3)
    far = tone(0.33, 0.36, 0.060)
    green = mix(far, tone(0.045, 0.115, 0.008), near[..., None] ** 0.55)
    return np.asarray(green * (1 + 0.28 * tufts[..., None]) * (1 + 1.6 * glow), np.float32)


def blades(
    canvas: Field, rng: np.random.Generator, count: int, *, scale: float, top: tuple[float, float], bottom: float,
    colours: Field, lean: float = 0.22,
) -> None:  # fmt: skip
    """This will draw grass on a premultiplied canvas in place; `scale` is the width of a blade in pixels."""
    width = canvas.shape[1]
    for _ in range(count):
        tip = float(rng.uniform(*top))
        root = float(rng.uniform(-0.1, 1.1)) * width
        colour = colours[int(rng.integers(len(colours)))] * float(rng.uniform(0.65, 1.35))
        broad = scale * float(rng.uniform(0.35, 1.1))
        bend = float(rng.normal(0, lean)) * (bottom - tip)
        _strand(canvas, (root, bottom), bend, tip, broad, colour, curl=float(rng.uniform(1.3, 2.6)))


def _strand(
    canvas: Field, root: tuple[float, float], bend: float, tip: float, broad: float, colour: Field, *,
    curl: float = 2.0, taper: float = 0.8, fall: float = 0.6,
) -> None:  # fmt: skip
    """This will draw one blade or stem, row by row, with a bright edge to the sun (left) and a darker foot."""
    height, width = canvas.shape[:2]
    first, last = max(int(tip), 0), min(int(root[1]), height)
    if last - first < 2:
        return
    row = np.arange(first, last)
    s = np.clip((root[1] - row - 0.5) / max(root[1] - tip, 1), 0, 1).astype(np.float32)
    centre = root[0] + bend * s**curl
    half = np.maximum(broad / 2 * (1 - s) ** taper, 0.35)
    whole = np.floor(centre)
    reach = np.arange(-int(broad / 2 + 2), int(broad / 2 + 3), dtype=np.float32)
    offset = reach + (whole - centre + np.float32(0.5))[:, None]
    column = whole.astype(np.int32)[:, None] + reach.astype(np.int32)
    cover = np.clip(half[:, None] - np.abs(offset) + np.float32(0.5), 0, 1)
    cover *= (column >= 0) & (column < width)
    side = np.clip(offset / half[:, None], -1, 1)
    shade = (0.80 - 0.34 * side + 0.22 * (np.abs(side) < 0.18)) * (1 - fall + fall * s[:, None] ** 0.8)
    paint = np.ones((*cover.shape, canvas.shape[2]), np.float32)
    paint[..., :3] = shade[..., None] * colour
    pixels = canvas.reshape(-1, canvas.shape[2])  # one flat index is twice as quick as two
    place = (row[:, None] * width + np.clip(column, 0, width - 1)).ravel()
    below = pixels[place]
    pixels[place] = below + (paint.reshape(below.shape) - below) * cover.reshape(-1, 1)


def _greens(light: float) -> Field:
    tones = [(0.10, 0.29, 0.004), (0.18, 0.42, 0.006), (0.05, 0.20, 0.006), (0.34, 0.44, 0.03), (0.06, 0.26, 0.03)]
    return np.array(tones, np.float32) * np.float32(light)


def _layer(rng: np.random.Generator, pyramid: list[list[Field]], near: float, far: float, flowers: int) -> Field:
    """This will paint grass and flowers from `far` to `near` metres at a quarter of the size, with their blur."""
    layer = np.zeros((HEIGHT // COARSE, WIDTH // COARSE, 4), np.float32)
    focal, horizon = FOCAL / COARSE, HORIZON / COARSE
    middle = math.sqrt(near * far)
    ground = horizon + EYE / far * focal
    crown = horizon + (EYE - 0.52) / middle * focal
    hazy = 0.75 + 0.35 * float(smoothstep(1, 12, middle))
    count = int(110 + 9 * middle)
    blades(layer, rng, count, scale=max(0.006 / middle * focal, 1.0), top=(crown, crown + 0.30 / middle * focal),
           bottom=max(ground, crown + 0.5 / middle * focal), colours=_greens(hazy))  # fmt: skip
    for distance in np.sort(1 / rng.uniform(1 / far, 1 / near, flowers))[::-1]:
        x = float(rng.uniform(-0.05, 1.05)) * WIDTH / COARSE
        y = horizon + (EYE - float(rng.normal(0.50, 0.075))) / distance * focal
        size = 0.085 / distance * focal
        levels = pyramid[int(rng.integers(len(pyramid)))]
        sprite = min(levels, key=lambda level: abs(math.log(level.shape[0] * 0.8 / size)))
        if rng.random() < 0.5:
            sprite = sprite[:, ::-1]
        stem = tone(0.10, 0.22, 0.02)
        _strand(layer, (x + 3, y + 0.4 / distance * focal), -3, y, max(size * 0.05, 0.7), stem, taper=0)
        over(layer, sprite, top=int(y - sprite.shape[0] * FOOT), left=int(x - sprite.shape[1] / 2))
    _sparks(layer, rng, int(flowers * 0.4), crown, horizon + (EYE - 0.3) / near * focal)
    return bokeh(layer, max(BLUR / COARSE * abs(1 - FOCUS / middle), 1.2))


def _sparks(layer: Field, rng: np.random.Generator, count: int, top: float, bottom: float) -> None:
    """This will add dew and blossom: single bright points that the lens opens into discs."""
    y = np.clip(rng.uniform(top, bottom, count), 0, layer.shape[0] - 1).astype(np.int32)
    x = (rng.beta(1.1, 1.8, count) * (layer.shape[1] - 1)).astype(np.int32)
    power = rng.exponential(9, count).astype(np.float32)[:, None]
    tones = np.array([(1.0, 0.75, 0.30), (1.0, 0.90, 0.62), (0.10, 0.16, 0.95), (0.95, 0.72, 0.02)], np.float32)
    layer[y, x, :3] += tones[rng.integers(0, 4, count)] * power
    layer[y, x, 3] = 1


def _bud(canvas: Field, rng: np.random.Generator, x: float, y: float, size: float) -> None:
    """This will hang a hairy green bud on its bent neck."""
    rows, columns = np.mgrid[0 : int(size * 1.6), 0 : int(size)].astype(np.float32)
    u, v = (columns / size - 0.5) * 2, (rows / (size * 1.6) - 0.5) * 2
    body = u * u / (0.62 - 0.14 * v) + v * v
    depth = np.sqrt(np.clip(1 - body, 0, 1))
    hair = 1 + 0.22 * lattice(rng, *rows.shape, rows=5, columns=22)
    light = (0.30 + 0.45 * depth - 0.40 * u + 0.9 * smoothstep(0.55, 1.0, body)) * hair
    cover = np.clip((1 - body) * size * 0.3, 0, 1)
    slit = smoothstep(0.10, 0.03, np.abs(u + 0.10 * v))[..., None]
    rgb = mix(light[..., None] * tone(0.20, 0.32, 0.05), np.array([0.8, 0.05, 0.01]), slit * 0.55)
    sprite = np.concatenate([rgb * cover[..., None], cover[..., None]], axis=-1).astype(np.float32)
    over(canvas, sprite, top=int(y), left=int(x - size / 2))


def _in_focus(canvas: Field, rng: np.random.Generator, sprites: list[Field]) -> None:
    """This will draw the sharp plane: grass behind, the flowers on their stems, grass before."""
    blades(canvas, rng, 330, scale=15, top=(700, 1500), bottom=1900, colours=_greens(1.0))
    stem = tone(0.17, 0.31, 0.022)
    for x, y, model in HEROES:
        sprite = sprites[model]
        _hairy_stem(canvas, rng, x, y, float(rng.normal(0, 60)), sprite.shape[0] * 0.036, stem)
        over(canvas, sprite, top=int(y - sprite.shape[0] * FOOT), left=int(x - sprite.shape[1] / 2))
    for x, y, size in ((1330, 770, 62), (620, 640, 54), (1815, 1010, 66), (2290, 660, 50)):
        _hairy_stem(canvas, rng, x + 26, y - size * 0.35, 20, 9, stem)
        _bud(canvas, rng, x + 8, y - size * 0.4, size)
    blades(canvas, rng, 230, scale=17, top=(980, 1560), bottom=1800, colours=_greens(0.9), lean=0.3)


def _hairy_stem(
    canvas: Field, rng: np.random.Generator, x: float, y: float, bend: float, broad: float, colour: Field
) -> None:
    """This will draw a stem that ends at (x, y), with fine hairs that catch the sun."""
    foot = 1750.0
    for at in rng.uniform(y + 12, HEIGHT, 60):
        s = (foot - at) / (foot - y)
        centre = x - bend + bend * s**1.6
        out = float(rng.choice((-1, 1))) * float(rng.uniform(9, 20))
        _strand(canvas, (centre, at + 9), out, at, 1.4, colour * 2.2, curl=1.0, taper=0.2, fall=0.1)
    _strand(canvas, (x - bend, foot), bend, y, broad, colour, curl=1.6, taper=0.05, fall=0.45)


def paint_poppies() -> Any:
    """This will give the picture as (1600, 2400, 3) bytes in Display P3."""
    rng = np.random.default_rng(20240607)
    sprites = [poppy(rng, size, pitch=p, lean=lean, cup=c, hue=h) for size, p, lean, c, h in MODELS]
    pyramid = []
    for sprite in sprites:
        levels = [halve(sprite)]
        while levels[-1].shape[0] >= 10:
            levels.append(halve(levels[-1]))
        pyramid.append(levels)
    far = np.concatenate([_backdrop(rng), np.ones((HEIGHT // COARSE, WIDTH // COARSE, 1), np.float32)], axis=-1)
    canvas = bokeh(far, BLUR / COARSE * 0.9)[..., :3].copy()
    for near, distance, flowers in ((14, 70, 900), (6, 14, 260), (3.2, 6, 75), (2.0, 3.2, 26), (1.5, 2.0, 9)):
        over(canvas, _layer(rng, pyramid, near, distance, flowers), top=0, left=0)
    canvas *= 1 - 0.62 * smoothstep(0.5, 1.0, np.arange(HEIGHT // COARSE, dtype=np.float32) / 400)[:, None, None]
    canvas = enlarge(canvas, COARSE)
    _in_focus(canvas, rng, sprites)
    for x, y, model, times in FRONT:
        sprite = bokeh(np.pad(enlarge(pyramid[model][0], times), ((60, 60), (60, 60), (0, 0))), 16)
        over(canvas, enlarge(sprite, 2), top=int(y - sprite.shape[0]), left=int(x - sprite.shape[1]))
    return to_bytes(develop(canvas, exposure=1.0), rng)
