"""Further metrics, whose scores stand beside SSIM's in a receipt. They tell; no search aims at them.

A new one is a row here: a function of two pictures as the eye gets them, and the package that it needs. No import here
loads numpy: the settings ask which metrics there are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any, Final, Literal

from pipeline.errors import BadParameter
from pipeline.quality import ssimulacra2

if TYPE_CHECKING:
    from pipeline.quality.pixels import Pixels


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    name: str
    package: str
    """Which must be installed; its version is the metric's."""
    function: Callable[[Pixels, Pixels], float]
    """Of reference and result, height × width × 3 bytes of gamma-coded sRGB; the same for the same two."""
    better: Literal["higher", "lower"]
    least_side: int
    most_megapixels: float
    """Of pictures that are smaller or larger there is no score."""
    mb_per_megapixel: float
    """What it takes of memory."""

    @property
    def version(self) -> str:
        """Empty: the package is not installed."""
        try:
            return version(self.package)
        except PackageNotFoundError:
            return ""

    def fits(self, width: int, height: int) -> bool:
        return min(width, height) >= self.least_side and width * height <= self.most_megapixels * 1e6


METRICS: Final[Mapping[str, Metric]] = {
    metric.name: metric
    for metric in (
        Metric(
            name="ssimulacra2",
            package="ssimulacra2",
            function=ssimulacra2.score,
            better="higher",
            least_side=8,
            most_megapixels=2.0,
            mb_per_megapixel=460.0,
        ),
    )
}


def read_metric(name: str) -> str:
    """This will give the name of a metric that can be measured here. Raises BadParameter."""
    if name not in METRICS:
        raise BadParameter(f"Expected one of the metrics {', '.join(METRICS)}, received '{name[:40]}'.")
    if not METRICS[name].version:
        raise BadParameter(
            f"Expected a metric that is installed, received '{name}': pip install 'imgopt[{METRICS[name].package}]'."
        )
    return name


def scores_of(names: tuple[str, ...], pairs: list[tuple[Pixels, Pixels]]) -> dict[str, dict[str, Any]]:
    """This will give score and version by name, of several pairs the worse: a picture over white and over black.

    A metric that has nothing to say of pictures of that size is left out.
    """
    height, width = pairs[0][0].shape[:2]
    told = {}
    for metric in (METRICS[read_metric(name)] for name in names):
        if metric.fits(width, height):
            worst = min if metric.better == "higher" else max
            score = worst(metric.function(*pair) for pair in pairs)
            told[metric.name] = {"score": round(score, 4), "version": metric.version}
    return told


def metrics_mb(names: tuple[str, ...], megapixels: float) -> float:
    """This will estimate what the metrics take, one after another, of a picture of that size."""
    sizes = [
        each.mb_per_megapixel * megapixels
        for each in (METRICS[name] for name in names)
        if megapixels <= each.most_megapixels
    ]
    return max(sizes, default=0.0)
