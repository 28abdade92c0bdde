"""Flat things in space, drawn with smooth edges: cabins on stilts, boats, a jetty, and their mirror images."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imgopt.demo.mountains import SKYLIGHT, SUN, SUNLIGHT
from imgopt.demo.noise import Field, smoothstep
from imgopt.demo.photo import tone

Point = tuple[float, float, float]
Paint = Callable[[Field, Field], Field]  # (u, v) of a face in 0..1 to its albedo


TRIM, TIMBER = (0.78, 0.76, 0.72), (0.10, 0.075, 0.055)
SUNNY = 0.62  # of the sun's strength on the heights: down here it shines through more air
LAMP = 0.45  # what a lit window adds


@dataclass(frozen=True, slots=True, kw_only=True)
class Lens:
    """A camera at height `eye` that looks level along z; `mirror` sees what the sea shows of things above it."""

    centre: float
    horizon: float
    focal: float
    eye: float
    mirror: bool = False

    @property
    def place(self) -> NDArray[np.float64]:
        """Where the camera stands; what the sea shows is seen from under it."""
        return np.array((0, -self.eye if self.mirror else self.eye, 0))

    def project(self, point: Point) -> tuple[float, float]:
        x, y, z = point
        height = -y if self.mirror else y
        return self.centre + self.focal * x / z, self.horizon - self.focal * (height - self.eye) / z


def plain(colour: tuple[float, float, float]) -> Paint:
    return lambda u, _v: np.broadcast_to(tone(*colour), (*u.shape, 3))


def planks(colour: tuple[float, float, float], count: int, *, seed: int) -> Paint:
    """This will paint upright boards, each a little different, with a dark line between."""
    tones = 1 + 0.16 * np.random.default_rng(seed).standard_normal(count + 1).astype(np.float32)

    def paint(u: Field, v: Field) -> Field:
        board = np.clip(u, 0, 0.9999) * count
        edge = np.abs(board - np.round(board))
        shade = tones[board.astype(np.int32)] * (0.62 + 0.38 * smoothstep(0.02, 0.16, edge)) * (0.78 + 0.22 * v)
        return np.asarray(shade[..., None] * tone(*colour), np.float32)

    return paint


def slates(colour: tuple[float, float, float], rows: int, *, seed: int) -> Paint:
    tones = 1 + 0.20 * np.random.default_rng(seed).standard_normal((rows + 1, 40)).astype(np.float32)

    def paint(u: Field, v: Field) -> Field:
        row = (np.clip(v, 0, 0.9999) * rows).astype(np.int32)
        column = (np.clip(u, 0, 0.9999) * 26 + 0.5 * (row % 2)).astype(np.int32)
        return np.asarray(tones[row, column][..., None] * tone(*colour), np.float32)

    return paint


def pane(u: Field, v: Field) -> Field:
    """A window: four panes in white bars; dusk in the upper ones, a lamp's warmth in the lower."""
    bars = (np.abs(u - 0.5) < 0.06) | (np.abs(v - 0.5) < 0.05) | (np.abs(u - 0.5) > 0.40) | (np.abs(v - 0.5) > 0.42)
    glass = tone(0.95, 0.42, 0.06) * (1.35 - v)[..., None]
    return np.asarray(np.where(bars[..., None], np.float32(0.80), glass), np.float32)


def face(layer: Field, lens: Lens, corners: list[Point], paint: Paint, *, shine: float = 0.0) -> None:
    """This will draw a convex flat face on a premultiplied layer, in place, lit by sun and sky.

    `corners` go round it; the first three span u (first to second) and v (second to third). `shine` is its own light.
    """
    world = np.array(corners, np.float64)
    normal = np.cross(world[1] - world[0], world[2] - world[1])
    normal /= max(float(np.linalg.norm(normal)), 1e-9)
    normal *= 1 if normal @ (lens.place - world[0]) > 0 else -1
    sun = max(float(normal @ np.array(SUN)), 0) * SUNNY
    light = sun * SUNLIGHT + (0.80 + 0.35 * float(normal[1])) * SKYLIGHT + shine
    flat = np.array([lens.project(corner) for corner in corners], np.float32)
    low, high = np.floor(flat.min(axis=0)) - 1, np.ceil(flat.max(axis=0)) + 2
    x0, y0 = max(int(low[0]), 0), max(int(low[1]), 0)
    x1, y1 = min(int(high[0]), layer.shape[1]), min(int(high[1]), layer.shape[0])
    if x1 <= x0 or y1 <= y0:
        return
    x = (np.arange(x0, x1, dtype=np.float32) + 0.5)[None, :]
    y = (np.arange(y0, y1, dtype=np.float32) + 0.5)[:, None]
    following = np.roll(flat, -1, axis=0)
    around = float(np.sum(flat[:, 0] * following[:, 1] - following[:, 0] * flat[:, 1]))
    cover: Any = 1.0
    for (ax, ay), (bx, by) in zip(flat, following, strict=True):
        length = max(float(np.hypot(bx - ax, by - ay)), 1e-6)
        inside = ((bx - ax) * (y - ay) - (by - ay) * (x - ax)) / length * (1 if around > 0 else -1)
        cover = np.minimum(cover, np.clip(inside + 0.5, 0, 1))
    along, up = flat[1] - flat[0], flat[2] - flat[1]
    area = float(along[0] * up[1] - along[1] * up[0])
    if abs(area) < 1e-3:
        return
    u = ((x - flat[0, 0]) * up[1] - (y - flat[0, 1]) * up[0]) / area
    v = ((y - flat[0, 1]) * along[0] - (x - flat[0, 0]) * along[1]) / area
    target = layer[y0:y1, x0:x1]
    target[..., :3] += (paint(u, v) * light.astype(np.float32) - target[..., :3]) * cover[..., None]
    target[..., 3] += (1 - target[..., 3]) * cover


@dataclass(frozen=True, slots=True, kw_only=True)
class Cabin:
    """A house of planks on stilts: `x`, `z` of its front's middle, in metres; `turn` in radians, 0 shows the gable."""

    x: float
    z: float
    width: float
    depth: float
    wall: float
    roof: float
    turn: float
    colour: tuple[float, float, float]
    floor: float = 2.2

    def place(self, across: float, up: float, back: float) -> Point:
        c, s = float(np.cos(self.turn)), float(np.sin(self.turn))
        return self.x + across * c + back * s, self.floor + up, self.z - across * s + back * c

    def front(self, left: float, right: float, low: float, high: float, back: float = 0.0) -> list[Point]:
        """This will give the corners of an upright panel that looks as the gable does."""
        place = self.place
        return [place(left, low, back), place(right, low, back), place(right, high, back), place(left, high, back)]

    def side(self, across: float, start: float, end: float, low: float, high: float) -> list[Point]:
        """This will give the corners of an upright panel along the house."""
        place = self.place
        return [
            place(across, low, start),
            place(across, low, end),
            place(across, high, end),
            place(across, high, start),
        ]


def draw_cabin(layer: Field, lens: Lens, cabin: Cabin, seed: int) -> None:
    """This will draw a cabin from back to front: stilts, the long wall that shows, gable, roof, trim, chimney."""
    half, top = cabin.width / 2, cabin.wall
    for back in (cabin.depth * 0.75, cabin.depth * 0.35, 0.0):
        for across in np.linspace(-half + 0.2, half - 0.2, 5):
            face(layer, lens, cabin.front(across - 0.13, across + 0.13, -cabin.floor - 0.4, 0, back), plain(TIMBER))
    # The right-hand wall shows if its far edge is projected outside its near edge.
    near, _ = lens.project(cabin.place(half, 0, 0))
    far, _ = lens.project(cabin.place(half, 0, cabin.depth))
    shown = 1 if near < far else -1
    boards = planks(cabin.colour, 36, seed=seed + 1)
    face(layer, lens, cabin.side(half * shown, 0, cabin.depth, 0, top), boards)
    for start in np.arange(1.4, cabin.depth - 1.2, 2.3):
        face(layer, lens, cabin.side(half * shown, start, start + 1.0, 0.9, 2.2), pane, shine=LAMP)
    gable = [*cabin.front(-half, half, 0, top)[:3], cabin.place(0, top + cabin.roof, 0), cabin.place(-half, top, 0)]
    face(layer, lens, gable, planks(cabin.colour, int(cabin.width * 4), seed=seed))
    _roof(layer, lens, cabin, shown, seed)
    for corner in (-half, half):
        face(layer, lens, cabin.front(corner - 0.1, corner + 0.1, 0, top), plain(TRIM))
    for middle in np.linspace(-half * 0.58, half * 0.58, 2 if cabin.width < 6.5 else 3):
        face(layer, lens, cabin.front(middle - 0.5, middle + 0.5, 0.85, 2.1, -0.03), pane, shine=LAMP)
    face(layer, lens, cabin.front(-0.5, 0.5, top + 0.15, top + 1.4, -0.03), pane, shine=LAMP)
    chimney = cabin.front(0.9, 1.5, top + cabin.roof - 0.9, top + cabin.roof + 0.7, 2.5)
    face(layer, lens, chimney, plain((0.30, 0.12, 0.07)))


def _roof(layer: Field, lens: Lens, cabin: Cabin, shown: int, seed: int) -> None:
    """This will draw the slopes that are seen from above, the shown side last, and the white boards along the gable."""
    place, ridge = cabin.place, cabin.wall + cabin.roof
    out = cabin.width / 2 + 0.35
    eave = cabin.wall - 0.7 * cabin.roof / cabin.width
    for edge in (-shown * out, shown * out):
        low, high = place(edge, eave, -0.4), place(0, ridge + 0.12, -0.4)
        slope = [low, place(edge, eave, cabin.depth), place(0, ridge + 0.12, cabin.depth), high]
        if _shows_top(lens, slope):
            face(layer, lens, slope, slates((0.075, 0.085, 0.10), 11, seed=seed))
    for edge in (-out, out):
        board = [place(edge, eave - 0.22, -0.4), place(0, ridge - 0.12, -0.4)]
        face(layer, lens, [*board, place(0, ridge + 0.14, -0.4), place(edge, eave + 0.04, -0.4)], plain(TRIM))


def _shows_top(lens: Lens, slope: list[Point]) -> bool:
    """This will tell whether the camera sees the slates or the underside, which the walls hide."""
    world = np.array(slope, np.float64)
    normal = np.cross(world[1] - world[0], world[2] - world[1])
    normal *= np.sign(normal[1])
    return bool(normal @ (lens.place - world[0]) > 0)
