"""What is told of a picture's colours, as it crosses from a render child: no import here loads libvips or numpy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, get_args

from pipeline.admission import Weight
from pipeline.source import SourceInfo

Verdict = Literal["cmyk", "lab", "untagged", "unusable", "srgb", "swapped", "wide", "other"]
View = Literal["managed", "ignored", "heat"]

VERDICTS: Final[tuple[Verdict, ...]] = get_args(Verdict)
VIEWS: Final[tuple[View, ...]] = get_args(View)
LONG_SIDE: Final = 1024
"""Of the picture that is looked at, in pixels; more of them would change no figure's second digit."""
VERSION: Final = 1
"""Raise it with every change that makes other figures or pictures of the same file."""
LOOKING_MB: Final = 110.0
"""What the figures take beside the decoded source: 1,024 × 1,024 px as light in 64-bit floats, and two renders."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gamut:
    """A matrix profile's triangle of colours."""

    name: str
    """Of the colour space with these primaries; empty: none that we know."""
    area: float
    """Of the triangle in CIE xy under D50, that of sRGB being 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ColourReport:
    """How much a picture depends on its profile; all figures are of pixels, over at most `LONG_SIDE` px a side."""

    verdict: Verdict
    """The first that holds: `cmyk` and `lab`, samples that are no RGB; `untagged`, no profile, so it counts as sRGB;
    `unusable`, a profile that is damaged, of another colour space than the samples, or refused by the colour engine;
    `srgb`, by the profile's numbers; `swapped`, its primaries have changed places; `wide`, colours that sRGB cannot
    show; `other`, any other profile."""
    gamut: Gamut | None
    """None: a profile of tables, of one channel, or none at all."""
    outside_srgb: float
    """Share of the pixels, 0..1, whose colour sRGB cannot show."""
    ignored: dict[str, float]
    """CIEDE2000 between the picture with its profile applied and with its profile ignored: `mean`, `p95`, `p99`."""


def looking_mb(info: SourceInfo) -> float:
    """This will estimate the peak memory of a look at the first page."""
    first = Weight(
        format=info.format, width=info.width, height=info.height, interlaced=info.interlaced, has_alpha=info.has_alpha
    )
    return first.megabytes + LOOKING_MB
