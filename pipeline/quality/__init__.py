"""What a result measures: SSIM, PSNR, RMSE and CIEDE2000 against the pixels it was made from.

The web process imports this package for `Scores`; numpy's part is loaded by the first call.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.quality.scores import METRIC, METRIC_VERSION, Scores

if TYPE_CHECKING:
    from pipeline.quality.pixels import Picture, Pixels

__all__ = ["METRIC", "METRIC_VERSION", "Scores", "delta_e_map", "measure", "ssim_map"]


def measure(reference: Picture, result: Picture, *, also: tuple[str, ...] = ()) -> Scores:
    """This will compare a result with what it should look like.

    Both are pyvips images or arrays of height × width × 1 to 4 bands, 8-bit, gamma-coded sRGB, of one size.
    `also` names further metrics (`pipeline.quality.metrics`). Raises `Unmeasurable` where there is nothing to compare:
    two sizes, or a single pixel.
    """
    from pipeline.quality.reference import Reference

    return Reference(reference, keep=False).scores(result, also=also)


def ssim_map(reference: Picture, result: Picture) -> Pixels:
    """This will draw where structure was lost: black for none, over red to white for an SSIM of 0.5 and below."""
    from pipeline.quality import maps

    return maps.ssim_map(reference, result)


def delta_e_map(reference: Picture, result: Picture) -> Pixels:
    """This will draw how far colours are off: black for none, over red to white for a ΔE00 of 10 and above."""
    from pipeline.quality import maps

    return maps.delta_e_map(reference, result)
