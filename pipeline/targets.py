"""What a quality that is a word asks for. No import here loads libvips or numpy."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from pipeline.errors import BadParameter


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What a file must measure, decoded again, against the pixels before encoding.

    All that is asked must hold; the fields are named as those of `pipeline.quality.Scores` that they bound.
    """

    ssim: float
    """Mean SSIM, at least."""
    worst_tile: float | None = None
    """SSIM of the worst tile of 64 px, at least. None: not asked, as with the next two."""
    delta_e_p99: float | None = None
    """99th percentile of ΔE00, at most."""
    chroma_delta_e: float | None = None
    """ΔE00 without lightness, of the worst tile, at most: what colours bleed."""


TARGETS: Final = {
    "best": Target(ssim=0.99),
    "good": Target(ssim=0.97, worst_tile=0.89, chroma_delta_e=7.0),
    "eco": Target(ssim=0.95, worst_tile=0.80, chroma_delta_e=8.5),
}
"""What `auto:…` aims at; `auto` alone is the best, visually lossless.

The guards were set on 22 photographs at 480 and 800 px, each written as AVIF, WebP and JPEG at the lowest quality that
has the SSIM. At 0.97 the worst tile of the middle one has 0.93 to 0.94, of the worst tenth 0.884 (800 px) to 0.900: a
face or a wire fence in a large plain picture; below 0.89 lie 7 and 13 %. At 0.95: 0.88 to 0.89, the worst tenth 0.792
to 0.821, below 0.80 lie 4 and 12 %. Chroma ΔE at 0.97 is 3.2 in the middle and 5.0 at the 95th percentile, at 0.95 3.8
and 6.4; above the limits lies one photograph of 22, a launch by night whose exhaust loses its colour."""
LOWEST_TARGET: Final = 0.5
HIGHEST_TARGET: Final = 0.9999

_QUALITY: Final = re.compile(r"[1-9][0-9]?|100")
_AUTO: Final = re.compile(r"auto(?::([a-z]+))?")
_SSIM: Final = re.compile(r"auto:(0?\.[0-9]{1,4})")


def read_quality(text: str) -> int | Target:
    """This will read a quality, 1 to 100, or what to aim at.

    >>> read_quality("80"), read_quality("auto") == TARGETS["best"], read_quality("auto:0.985")
    (80, True, Target(ssim=0.985, worst_tile=None, delta_e_p99=None, chroma_delta_e=None))

    Raises BadParameter.
    """
    if _QUALITY.fullmatch(text):
        return int(text)
    word, ssim = _AUTO.fullmatch(text), _SSIM.fullmatch(text)
    if word and (word[1] or "best") in TARGETS:
        return TARGETS[word[1] or "best"]
    if ssim and LOWEST_TARGET <= float(ssim[1]) <= HIGHEST_TARGET:
        return Target(ssim=float(ssim[1]))
    raise BadParameter(f"Expected {ACCEPTED}, received '{text}'.")


ACCEPTED: Final = (
    "a quality from 1 to 100, auto, auto:best, auto:good, auto:eco, or auto: with an SSIM from "
    f"{LOWEST_TARGET:g} to {HIGHEST_TARGET:g}"
)


def write_quality(quality: int | Target) -> str:
    """This will write what `read_quality` reads.

    >>> write_quality(80), write_quality(TARGETS["best"]), write_quality(Target(ssim=0.985))
    ('80', 'auto:best', 'auto:0.985')
    """
    if isinstance(quality, int):
        return str(quality)
    word = next((name for name, target in TARGETS.items() if target == quality), None)
    return f"auto:{word or f'{quality.ssim:g}'}"
