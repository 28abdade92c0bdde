"""Colour that a file states without an ICC profile: AVIF's `nclx`, PNG's cICP, cHRM and gAMA.

libvips ignores all of these. Here they become a small ICC profile, which then goes the way of every other profile.

Code points are those of ITU-T H.273. The transfer functions of BT.709 and its kin (1, 6, 14, 15) count as sRGB's:
encoders write them for ordinary sRGB pictures, and browsers show them so.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from typing import Final

from pipeline import boxes, profiles
from pipeline.profiles import Primaries

_BT709: Final[Primaries] = ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06), (0.3127, 0.3290))
_PRIMARIES: Final[dict[int, tuple[str, Primaries]]] = {
    1: ("BT.709", _BT709),
    2: ("BT.709", _BT709),  # unspecified
    5: ("BT.470 BG", ((0.64, 0.33), (0.29, 0.60), (0.15, 0.06), (0.3127, 0.3290))),
    6: ("BT.601", ((0.630, 0.340), (0.310, 0.595), (0.155, 0.070), (0.3127, 0.3290))),
    7: ("SMPTE 240", ((0.630, 0.340), (0.310, 0.595), (0.155, 0.070), (0.3127, 0.3290))),
    9: ("BT.2020", ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046), (0.3127, 0.3290))),
    11: ("DCI-P3", ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), (0.314, 0.351))),
    12: ("Display P3", ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), (0.3127, 0.3290))),
}
_SRGB_TRANSFERS: Final = frozenset({1, 2, 6, 13, 14, 15})
_TRANSFERS: Final[dict[int, tuple[str, Callable[[float], float]]]] = {
    4: ("gamma 2.2", lambda x: x**2.2),
    5: ("gamma 2.8", lambda x: x**2.8),
    8: ("linear", lambda x: x),
    16: ("PQ", profiles.pq),
    18: ("HLG", profiles.hlg),
}
_PNG_SIGNATURE_BYTES = 8


def signalled_profile(data: bytes, source_format: str) -> bytes | None:
    """This will build the ICC profile that an AVIF or PNG states in another way; None: it states sRGB or nothing."""
    if source_format == "avif":
        nclx = boxes.colour_of_primary(data)
        return None if nclx is None else _from_code_points(nclx.primaries, nclx.transfer)
    if source_format == "png":
        return _from_png(data)
    return None


def overrides_icc(data: bytes, source_format: str) -> bool:
    """This will tell whether the statement outweighs an embedded profile: PNG's cICP does, nothing else."""
    return source_format == "png" and any(kind == b"cICP" for kind, _ in png_chunks(data))


def png_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """This will yield the chunks before a PNG's pixels: type and (of short chunks) content."""
    at = _PNG_SIGNATURE_BYTES
    while at + 12 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        if kind in (b"IDAT", b"IEND"):
            return
        yield kind, data[at + 8 : at + 8 + min(size, 64)]
        at += 12 + size


def _from_png(data: bytes) -> bytes | None:
    chunks = dict(png_chunks(data))
    cicp = chunks.get(b"cICP", b"")
    if len(cicp) == 4:
        return _from_code_points(cicp[0], cicp[1])
    if b"iCCP" in chunks or b"sRGB" in chunks:
        return None
    gamma, white_and_primaries = chunks.get(b"gAMA", b""), chunks.get(b"cHRM", b"")
    exponent = 100000 / value if len(gamma) == 4 and (value := int.from_bytes(gamma, "big")) else None
    primaries = _chromaticities(white_and_primaries)
    if exponent is not None and not 0.2 <= exponent <= 5:
        exponent = None
    # 1/2.2 is how files say "sRGB" in this chunk (PNG 3rd edition, 11.3.2.5); they are right to within rounding.
    if exponent is not None and abs(exponent - 2.2) < 0.03:
        exponent = None
    if exponent is None and primaries is None:
        return None
    power = exponent
    curve = profiles.srgb if power is None else lambda x: x**power
    return profiles.build("PNG gAMA and cHRM", primaries or _BT709, curve, grey=data[25:26] in (b"\x00", b"\x04"))


def _chromaticities(chunk: bytes) -> Primaries | None:
    """This will read a cHRM chunk; None where it says sRGB (to the two decimals that most writers keep) or nonsense."""
    if len(chunk) != 32:
        return None
    numbers = [value / 100000 for value in struct.unpack(">8I", chunk)]
    white, red, green, blue = (tuple(numbers[at : at + 2]) for at in (0, 2, 4, 6))
    result: Primaries = (red, green, blue, white)
    if all(
        abs(a - b) < 0.006 for pair, same in zip(result, _BT709, strict=True) for a, b in zip(pair, same, strict=True)
    ):
        return None
    return result if profiles.is_possible(result) else None


def _from_code_points(primaries: int, transfer: int) -> bytes | None:
    if primaries not in _PRIMARIES:
        return None
    name, chromaticities = _PRIMARIES[primaries]
    if transfer in _TRANSFERS:
        curve_name, curve = _TRANSFERS[transfer]
    elif chromaticities is _BT709:
        return None
    else:
        curve_name, curve = "sRGB curve", profiles.srgb
    return profiles.build(f"{name}, {curve_name}", chromaticities, curve)
