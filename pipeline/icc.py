"""What an ICC profile says, read by ourselves: whether it is sRGB by its numbers, and what it calls itself.

The parser is total: on anything odd it answers None or False, and the colour engine decides. Its layout is
ISO 15076-1 (ICC.1:2010), the description of version 2 profiles ICC.1:2001-04, section 6.5.17.
"""

from __future__ import annotations

import struct
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass

Curve = Callable[[float], float]
Triple = tuple[float, float, float]

MAX_DESCRIPTION = 120
"""Characters of a profile's description that are kept: it comes from a stranger's file and is shown in pages."""

SPACES = {b"RGB ": "rgb", b"GRAY": "grey", b"CMYK": "cmyk", b"Lab ": "lab"}

_MAX_TAGS = 100
_SRGB_COLORANTS: tuple[Triple, Triple, Triple] = (
    (0.4361, 0.2225, 0.0139),
    (0.3851, 0.7169, 0.0971),
    (0.1431, 0.0606, 0.7141),
)
"""Red, green and blue of sRGB as XYZ under D50 (IEC 61966-2-1, adapted by Bradford)."""
_COLORANT_TOLERANCE = 0.002  # the profiles in circulation differ by 0.0005 from rounding; Display P3 by 0.08
_CURVE_TOLERANCE = 1.0 / 255.0  # one step of an 8-bit sample; plain gamma 2.2 is 9 steps off in the shadows


@dataclass(frozen=True, slots=True)
class Profile:
    """An ICC profile whose header and tag table are sound."""

    data: bytes
    space: str
    """`rgb`, `grey`, `cmyk`, `lab`, or empty for any other."""
    tags: dict[bytes, tuple[int, int]]
    """Offset and size by signature."""

    def tag(self, signature: bytes) -> bytes:
        """This will return a tag's bytes, empty if the profile has none."""
        offset, size = self.tags.get(signature, (0, 0))
        return self.data[offset : offset + size]


def parse(data: bytes) -> Profile | None:
    """This will read a profile's header and tag table, or answer None for bytes that are no profile."""
    if len(data) < 132 or data[36:40] != b"acsp":
        return None
    count = int.from_bytes(data[128:132], "big")
    if not 0 < count <= _MAX_TAGS or len(data) < 132 + 12 * count:
        return None
    tags: dict[bytes, tuple[int, int]] = {}
    for at in range(132, 132 + 12 * count, 12):
        signature, offset, size = struct.unpack_from(">4sII", data, at)
        if offset < 128 or offset + size > len(data):
            return None
        tags[signature] = (offset, size)
    return Profile(data, SPACES.get(data[16:20], ""), tags)


def is_srgb(profile: Profile) -> bool:
    """This will tell whether the profile's numbers are those of sRGB (for grey: of its tone curve).

    The description is not asked: a profile that swaps red and green may well call itself sRGB. Profiles with tables
    (A2B0) are never taken for sRGB, whatever their colorants say, since the tables win.
    """
    if any(tag.startswith((b"A2B", b"D2B")) for tag in profile.tags) or profile.data[20:24] != b"XYZ ":
        return False
    if profile.space == "grey":
        return _is_srgb_curve(_curve(profile.tag(b"kTRC")))
    if profile.space != "rgb":
        return False
    for letter, expected in zip((b"r", b"g", b"b"), _SRGB_COLORANTS, strict=True):
        colorant = _xyz(profile.tag(letter + b"XYZ"))
        if colorant is None or any(abs(a - b) > _COLORANT_TOLERANCE for a, b in zip(colorant, expected, strict=True)):
            return False
        if not _is_srgb_curve(_curve(profile.tag(letter + b"TRC"))):
            return False
    return True


def colorants(profile: Profile) -> tuple[Triple, Triple, Triple] | None:
    """This will return XYZ of red, green and blue under D50; None: the profile is none of a matrix and three curves."""
    if profile.space != "rgb" or any(tag.startswith(b"A2B") for tag in profile.tags):
        return None
    red, green, blue = (_xyz(profile.tag(letter + b"XYZ")) for letter in (b"r", b"g", b"b"))
    return None if red is None or green is None or blue is None else (red, green, blue)


def description(profile: Profile) -> str:
    """This will return what the profile calls itself, as safe text of at most `MAX_DESCRIPTION` characters."""
    tag = profile.tag(b"desc")
    if tag[:4] == b"desc" and len(tag) >= 12:
        length = int.from_bytes(tag[8:12], "big")
        return safe_text(tag[12 : 12 + min(length, 4 * MAX_DESCRIPTION)].decode("latin-1"))
    if tag[:4] == b"mluc" and len(tag) >= 28:
        return safe_text(_localised(tag))
    return ""


def safe_text(text: str) -> str:
    """This will drop control, format and unassigned characters and bound the length.

    >>> safe_text("Display\\x00 P3\\u202e\\n")
    'Display P3'
    """
    kept = "".join(character for character in text if unicodedata.category(character)[0] != "C")
    return kept.strip()[:MAX_DESCRIPTION]


def _localised(tag: bytes) -> str:
    count = int.from_bytes(tag[8:12], "big")
    texts: dict[bytes, str] = {}
    for at in range(16, 16 + 12 * min(count, 50), 12):
        if at + 12 > len(tag):
            break
        language, length, offset = struct.unpack_from(">4sII", tag, at)
        raw = tag[offset : offset + min(length, 8 * MAX_DESCRIPTION)]
        texts[language] = raw.decode("utf-16-be", errors="ignore")
    return texts.get(b"enUS") or next(iter(texts.values()), "")


def _xyz(tag: bytes) -> Triple | None:
    if tag[:4] != b"XYZ " or len(tag) < 20:
        return None
    x, y, z = struct.unpack_from(">3i", tag, 8)
    return x / 65536, y / 65536, z / 65536


def _curve(tag: bytes) -> Curve | None:
    if len(tag) < 12:
        return None
    if tag[:4] == b"curv":
        return _sampled_curve(tag)
    if tag[:4] == b"para":
        return _parametric_curve(tag)
    return None


def _sampled_curve(tag: bytes) -> Curve | None:
    count = int.from_bytes(tag[8:12], "big")
    if count == 0:
        return lambda x: x
    if count > 65536 or len(tag) < 12 + 2 * count:
        return None
    values = struct.unpack_from(f">{count}H", tag, 12)
    if count == 1:
        exponent = values[0] / 256
        return lambda x: float(x**exponent)

    def interpolate(x: float) -> float:
        position = x * (count - 1)
        below = min(int(position), count - 2)
        fraction = position - below
        return float(values[below] * (1 - fraction) + values[below + 1] * fraction) / 65535

    return interpolate


def _parametric_curve(tag: bytes) -> Curve | None:
    kind = int.from_bytes(tag[8:10], "big")
    count = {0: 1, 1: 3, 2: 4, 3: 5, 4: 7}.get(kind)
    if count is None or len(tag) < 12 + 4 * count:
        return None
    numbers = [value / 65536 for value in struct.unpack_from(f">{count}i", tag, 12)]
    g, a, b, c, d, e, f = (numbers + [0.0] * 7)[:7]
    if kind == 0:
        return lambda x: float(x**g)
    if kind in (1, 2):
        # Below -b/a the curve is flat; c is then its offset, not a slope.
        offset = c if kind == 2 else 0.0
        return lambda x: float(max(a * x + b, 0.0) ** g + offset)
    return lambda x: float(max(a * x + b, 0.0) ** g + e) if x >= d else c * x + f


def _is_srgb_curve(curve: Curve | None) -> bool:
    if curve is None:
        return False
    try:
        return all(abs(_encode_srgb(curve(i / 64)) - i / 64) <= _CURVE_TOLERANCE for i in range(65))
    except (ArithmeticError, ValueError, TypeError):
        return False


def _encode_srgb(linear: float) -> float:
    """IEC 61966-2-1, equation for the encoding transfer function."""
    linear = min(max(linear, 0.0), 1.0)
    return 12.92 * linear if linear <= 0.0031308 else 1.055 * linear ** (1 / 2.4) - 0.055
