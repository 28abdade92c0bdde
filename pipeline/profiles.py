"""ICC profiles made here: primaries, a white point and one curve (ICC.1:2001-04, a version 2 display profile)."""

from __future__ import annotations

import struct
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Point = tuple[float, float]
Primaries = tuple[Point, Point, Point, Point]
"""CIE xy of red, green, blue and white."""
Curve = Callable[[float], float]
"""From a coded sample 0..1 to light 0..1."""

_D50 = np.array([0.9642, 1.0, 0.8249])
_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
_CURVE_ENTRIES = 4096
_REFERENCE_WHITE_NITS = 203.0  # ITU-R BT.2408: where diffuse white lies in PQ; what is brighter is clipped


def srgb(x: float) -> float:
    """IEC 61966-2-1."""
    return x / 12.92 if x <= 0.04045 else float(((x + 0.055) / 1.055) ** 2.4)


def pq(x: float) -> float:
    """SMPTE ST 2084, with diffuse white at 1 and highlights clipped there."""
    power = x ** (32 / 2523)
    nits = 10000 * (max(power - 0.8359375, 0.0) / (18.8515625 - 18.6875 * power)) ** (8192 / 1305)
    return float(min(nits / _REFERENCE_WHITE_NITS, 1.0))


def hlg(x: float) -> float:
    """ITU-R BT.2100 with its system gamma of 1.2, diffuse white (a signal of 0.75) at 1 and highlights clipped."""
    scene = x * x / 3 if x <= 0.5 else (np.exp((x - 0.55991073) / 0.17883277) + 0.28466892) / 12
    return float(min((scene / 0.26496256) ** 1.2, 1.0))


def is_possible(primaries: Primaries) -> bool:
    """This will tell whether chromaticities span a triangle with a white that can be adapted."""
    if any(y <= 0.001 or x < 0 or x + y > 1.2 for x, y in primaries):
        return False
    red, green, blue, _ = (np.array(point) for point in primaries)
    across, down = green - red, blue - red
    return bool(abs(across[0] * down[1] - across[1] * down[0]) > 0.01)


def build(name: str, primaries: Primaries, curve: Curve, *, grey: bool = False) -> bytes:
    """This will make a profile of one tone curve; for grey samples the primaries do not matter."""
    trc = _curve_tag(curve)
    tags = [(b"desc", _description_tag(name)), (b"cprt", b"text\0\0\0\0No copyright\0"), (b"wtpt", _xyz_tag(_D50))]
    if grey:
        tags.append((b"kTRC", trc))
    else:
        columns = colorants(primaries)
        tags += [(letter + b"XYZ", _xyz_tag(columns[:, i])) for i, letter in enumerate((b"r", b"g", b"b"))]
        tags += [(letter + b"TRC", trc) for letter in (b"r", b"g", b"b")]
    return _assemble(b"GRAY" if grey else b"RGB ", tags)


def colorants(primaries: Primaries) -> NDArray[np.float64]:
    """This will give, as columns, the XYZ of red, green and blue at full drive, adapted from the white to D50."""
    red, green, blue, white = (np.array([x / y, 1.0, (1 - x - y) / y]) for x, y in primaries)
    unscaled = np.column_stack([red, green, blue])
    scaled = unscaled * np.linalg.solve(unscaled, white)
    adapt = np.linalg.inv(_BRADFORD) @ np.diag((_BRADFORD @ _D50) / (_BRADFORD @ white)) @ _BRADFORD
    result: NDArray[np.float64] = adapt @ scaled
    return result


def _xyz_tag(xyz: NDArray[np.float64]) -> bytes:
    return b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(float(value) * 65536) for value in xyz))


def _curve_tag(curve: Curve) -> bytes:
    values = [round(65535 * min(max(curve(i / (_CURVE_ENTRIES - 1)), 0.0), 1.0)) for i in range(_CURVE_ENTRIES)]
    return b"curv\0\0\0\0" + struct.pack(f">I{_CURVE_ENTRIES}H", _CURVE_ENTRIES, *values)


def _description_tag(name: str) -> bytes:
    text = name.encode("ascii") + b"\0"
    return b"desc\0\0\0\0" + struct.pack(">I", len(text)) + text + bytes(4 + 4 + 2 + 1 + 67)


def _assemble(space: bytes, tags: list[tuple[bytes, bytes]]) -> bytes:
    table, body = b"", b""
    offsets: dict[bytes, int] = {}
    start = 128 + 4 + 12 * len(tags)
    for signature, content in tags:
        if content not in offsets:  # the three curves are one
            offsets[content] = start + len(body)
            body += content + bytes(-len(content) % 4)
        table += struct.pack(">4sII", signature, offsets[content], len(content))
    header = struct.pack(
        ">I4sI4s4s4s12s4s4sI4s4sQI3i4s44s",
        start + len(body),
        b"\0\0\0\0",
        0x02400000,
        b"mntr",
        space,
        b"XYZ ",
        struct.pack(">6H", 2024, 1, 1, 0, 0, 0),
        b"acsp",
        b"\0\0\0\0",
        0,
        b"\0\0\0\0",
        b"\0\0\0\0",
        0,
        1,  # relative colorimetric
        *(round(float(value) * 65536) for value in _D50),
        b"\0\0\0\0",
        bytes(44),
    )
    return header + struct.pack(">I", len(tags)) + table + body
