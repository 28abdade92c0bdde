"""Parameters that say which bytes are made of the finished picture."""

from __future__ import annotations

from typing import Final

from pipeline import values
from pipeline.errors import BadParameter
from pipeline.parameters.row import Parameter
from pipeline.targets import ACCEPTED, Target, read_quality, write_quality
from pipeline.values import FORMATS, decimal, whole, word, write_decimal

MIN_BYTES: Final = 100
MAX_BYTES: Final = 10**8


def _quality(text: str) -> int | Target:
    try:
        return read_quality(text)
    except BadParameter as error:
        raise ValueError(text) from error


OUTPUT: Final[tuple[Parameter, ...]] = (
    Parameter(
        name="fm",
        aliases=("format",),
        field="format",
        read=word(FORMATS),
        accepts=f"one of {', '.join(FORMATS)}",
        default="auto",
        meaning="Format of the result; `auto` is negotiated from `Accept`. `jpg`, `jpeg` and `pjpg` are the same.",
        example="webp",
    ),
    Parameter(
        name="q",
        aliases=("quality",),
        field="quality",
        read=_quality,
        write=write_quality,
        accepts=ACCEPTED,
        default="the server's setting, `auto:good`",
        meaning="Quality on the encoder's own scale, or the smallest file that measures up: `auto` and `auto:best` "
        "are visually lossless (SSIM 0.99), `auto:good` 0.97, `auto:eco` 0.95, `auto:0.985` any other.",
        example="auto:good",
    ),
    Parameter(
        name="min-worst-tile",
        field="min_worst_tile",
        read=decimal(0, 1, 4),
        write=write_decimal,
        accepts="an SSIM from 0 to 1 with at most 4 decimals",
        default="what `q` says",
        meaning="SSIM that the worst tile of 64 px has at least, where `q` is `auto` or left out.",
        example="0.95",
    ),
    Parameter(
        name="max-delta-e",
        field="max_delta_e",
        read=decimal(0.1, 100, 2),
        write=write_decimal,
        accepts="a ΔE00 from 0.1 to 100 with at most 2 decimals",
        default="no bound",
        meaning="ΔE00 that 99 of 100 pixels keep within, where `q` is `auto` or left out.",
        example="3",
    ),
    Parameter(
        name="max-bytes",
        field="max_bytes",
        read=whole(MIN_BYTES, MAX_BYTES),
        accepts=f"a whole number from {MIN_BYTES} to {MAX_BYTES}",
        default="no bound",
        meaning="What the file should weigh at most: first at a lower quality, then as a smaller picture.",
        example="50000",
    ),
    Parameter(
        name="auto",
        read=values.read_auto,
        accepts="format, compress or both with a comma",
        default="format,compress",
        meaning="imgix's words for what happens anyway; `fm` and `q` outweigh them.",
        example="format,compress",
    ),
)
