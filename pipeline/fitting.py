"""`max-bytes`: the best picture that weighs at most so much.

A lower quality comes first, down to the format's floor and no further: below it a smaller picture looks better than a
worse one. Then the finished picture is made smaller, down to a quarter of its width. What still weighs too much then
is served as it is, and says so.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from pipeline import animation, vips
from pipeline.encode import ENCODERS, USUAL, Manner, encode, encode_png
from pipeline.geometry import Size
from pipeline.spec import Format
from pipeline.steps.alpha import on_premultiplied
from pipeline.steps.placing import resize

QUALITY_TRIALS: Final = 4
SIZE_TRIALS: Final = 4
"""With the first encode and the one at the floor at most six, whichever of the two is tried."""
LEAST_SHARE: Final = 0.25
LEAST_SIDE: Final = 16
"""No side is made shorter than a quarter of what was asked for, nor than this many pixels."""
_CAUTION: Final = 0.97
"""A size is aimed a little below what is expected to fit."""
_LEAST_POWER: Final = 0.25
"""Below this, two trials say that the scale hardly matters, and the next one would leap."""

Trial = tuple[float, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoded:
    body: bytes
    quality: int | None
    """As was asked for; None where the format has none."""
    image: vips.Image
    """What was written; of an animation all frames, one below another."""
    trials: int = 1
    """How often the encoder was asked."""
    lossless: bool = False
    """Whether every pixel is as it was: a PNG may be whatever its quality. (A GIF has no quality to tell.)"""


def encode_within(
    image: vips.Image,
    output_format: Format,
    quality: int | None,
    max_bytes: int | None,
    *,
    pages: int,
    manner: Manner = USUAL,
    first: Encoded | None = None,
) -> Encoded:
    """This will write the picture in at most `max_bytes`, or in as few as it may; None: as it is.

    `first` is its file at that quality, where there is one already; it is not counted.
    """
    writer = _Writer(output_format, manner)
    first = first or writer.write(image, quality)
    return replace(_within(writer, first, max_bytes, pages), trials=writer.trials)


class _Writer:
    def __init__(self, output_format: Format, manner: Manner) -> None:
        self.encoder = ENCODERS[output_format]
        self._format, self._manner = output_format, manner
        self.trials = 0

    def write(self, image: vips.Image, quality: int | None) -> Encoded:
        self.trials += 1
        if self._format == "png":
            body, lossless = encode_png(image, quality, self._manner)
            return Encoded(body=body, quality=None if quality == 100 else quality, image=image, lossless=lossless)
        told = None if self._format == "gif" else quality or self.encoder.quality
        return Encoded(body=encode(image, self._format, quality, self._manner), quality=told, image=image)


def _within(writer: _Writer, first: Encoded, max_bytes: int | None, pages: int) -> Encoded:
    if max_bytes is None or len(first.body) <= max_bytes:
        return first
    encoder, lightest = writer.encoder, first
    if encoder.floor is not None and (first.quality is None or first.quality > encoder.floor):
        lightest = writer.write(first.image, encoder.floor)
        if len(lightest.body) <= max_bytes:
            # A palette (PNG) takes 0.4 s for a photo of 800 px, so there its floor is taken as it is.
            return lightest if encoder.quality is None else _best_quality(writer, lightest, first, max_bytes)
    return _best_size(writer, lightest, max_bytes, pages)


def next_quality(low: tuple[int, int], high: tuple[int, int], max_bytes: int) -> int:
    """This will guess the highest quality that fits, between two of known (quality, bytes), one that fits and one not.

    The logarithm of the bytes goes about straight with quality.

    >>> next_quality((40, 10_000), (80, 40_000), 20_000)
    60
    """
    span = math.log(high[1] / low[1]) or 1.0
    guess = low[0] + (high[0] - low[0]) * math.log(max_bytes / low[1]) / span
    return min(max(int(guess), low[0] + 1), high[0] - 1)


def next_scale(tried: Sequence[Trial], least: float, max_bytes: int) -> float:
    """This will guess the scale at which it fits, after trials of (scale, bytes) that were all too heavy.

    Bytes go with a power of the scale: the square as long as nothing is known, less where a picture's own header and
    its finer grain weigh.

    >>> round(next_scale([(1.0, 40_000)], 0.25, 10_000), 3)
    0.485
    >>> round(next_scale([(1.0, 40_000), (0.5, 20_000)], 0.1, 10_000), 4)
    0.2425
    """
    scale, byte_size = tried[-1]
    power = 2.0
    if len(tried) > 1:
        before, weighed = tried[-2]
        power = min(max(math.log(weighed / byte_size) / math.log(before / scale), _LEAST_POWER), 2.0)
    return max(least, scale * math.pow(max_bytes / byte_size, 1 / power) * _CAUTION)


def least_scale(size: Size) -> float:
    """This will give the scale below which a picture of that size is not made smaller.

    >>> least_scale((800, 600)), least_scale((400, 32)), least_scale((400, 9))
    (0.25, 0.5, 1.0)
    """
    return min(1.0, max(LEAST_SHARE, LEAST_SIDE / min(size)))


def _best_quality(writer: _Writer, low: Encoded, high: Encoded, max_bytes: int) -> Encoded:
    """This will search between what fits and what does not."""
    too_high, too_heavy = high.quality or 0, len(high.body)
    for _ in range(QUALITY_TRIALS):
        fitting = low.quality or 0
        if too_high - fitting <= 1:
            break
        quality = next_quality((fitting, len(low.body)), (too_high, too_heavy), max_bytes)
        made = writer.write(low.image, quality)
        if len(made.body) <= max_bytes:
            low = made
        else:
            too_high, too_heavy = quality, len(made.body)
    return low


def _best_size(writer: _Writer, heavy: Encoded, max_bytes: int, pages: int) -> Encoded:
    """This will make the picture smaller until it fits, the last time as small as it may be."""
    full = heavy.image
    width, height = full.width, full.height // pages
    least = least_scale((width, height))
    tried: list[Trial] = [(1.0, len(heavy.body))]
    lightest = heavy
    for trial in range(1, SIZE_TRIALS + 1):
        scale = least if trial == SIZE_TRIALS else next_scale(tried, least, max_bytes)
        if scale >= tried[-1][0]:
            break
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        made = writer.write(scaled(full, size, pages), heavy.quality)
        lightest = min(lightest, made, key=lambda one: len(one.body))
        if len(made.body) <= max_bytes:
            break
        tried.append((scale, len(made.body)))
    return lightest


def scaled(image: vips.Image, size: Size, pages: int) -> vips.Image:
    """This will scale a picture, or each frame of an animation."""

    def smaller(frame: vips.Image) -> vips.Image:
        return on_premultiplied(frame, lambda picture: resize(picture, *size)).copy_memory()

    if pages == 1:
        return smaller(image)
    height = image.height // pages
    frames = [smaller(image.crop(0, height * page, image.width, height)) for page in range(pages)]
    return animation.join(frames, animation.timing_of(image))
