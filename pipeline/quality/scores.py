"""The figures of one comparison; plain values, so that they cross between processes and into JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final

METRIC: Final = "ssim-wang2004"
METRIC_VERSION: Final = 1
"""Raise it with every change that makes other figures of the same two pictures."""

_DECIMALS: Final = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """What a result measures against its reference; of a picture with alpha the worse of over white and over black."""

    ssim: float
    """Mean structural similarity, 1 for equal pictures; see `pipeline.quality.ssim`."""
    worst_tile: float
    """The lowest mean SSIM over tiles of 64 px, so that a large flat sky cannot hide a ruined face."""
    psnr: float | None
    """Decibels over red, green and blue; None where the pictures are identical and it would be infinite."""
    identical: bool
    """Whether every pixel that can be seen is equal."""
    rmse: float
    """Root of the mean squared difference over red, green and blue, in 8-bit steps, 0..255."""
    delta_e_mean: float
    """CIEDE2000, as the next two: about 1 is a difference that can just be seen."""
    delta_e_p95: float
    delta_e_p99: float
    chroma_delta_e: float
    """CIEDE2000 without its lightness term: the highest mean over tiles of 64 px. Colours that bleed over an edge show
    here, be it the only edge in the picture."""
    metric: str = METRIC
    """What `ssim` and `worst_tile` are measured by."""
    metric_version: int = METRIC_VERSION
    also: Mapping[str, Mapping[str, Any]] = field(default_factory=dict, hash=False)
    """What further metrics say, by name: `score` and `version`; see `pipeline.quality.metrics`."""

    def as_dict(self) -> dict[str, Any]:
        """This will give plain values for JSON, numbers rounded to six decimals; `also` only where it says anything."""
        return {
            name: round(value, _DECIMALS) if isinstance(value, float) else value
            for name, value in asdict(self).items()
            if name != "also" or value
        }
