"""What one rendition came out as, in plain values that are the same whenever the same bytes come out."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any

from pipeline.rendition import Rendition
from pipeline.request import RenderRequest
from pipeline.targets import write_quality


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    bytes: int = 0
    quality: int | None = None
    """As the encoder was told; None: lossless, or the picture's own bytes."""
    chroma: str | None = None
    target_met: bool | None = None
    ssim: float | None = None
    """None, as of the next three: it cannot be measured."""
    worst_tile: float | None = None
    delta_e_p99: float | None = None
    chroma_delta_e: float | None = None
    error: str = ""
    """The code of what went wrong; all else is empty then."""

    def as_dict(self) -> dict[str, Any]:
        """This will leave out what is empty."""
        if self.error:
            return {"error": self.error}
        return {name: value for name, value in asdict(self).items() if value is not None and name != "error"}


def figures_of(rendition: Rendition) -> Figures:
    scores: dict[str, Any] = {} if rendition.scores is None else rendition.scores.as_dict()
    return Figures(
        bytes=len(rendition.body),
        quality=rendition.quality,
        chroma=rendition.chroma,
        target_met=rendition.target_met,
        ssim=scores.get("ssim"),
        worst_tile=scores.get("worst_tile"),
        delta_e_p99=scores.get("delta_e_p99"),
        chroma_delta_e=scores.get("chroma_delta_e"),
    )


def read_figures(said: Any) -> Figures:
    """This will read what `as_dict` gives; raises TypeError for anything else."""
    known = {each.name for each in fields(Figures)}
    return Figures(**{name: value for name, value in said.items() if name in known})


def row_of(request: RenderRequest) -> str:
    """This will name what was asked for, such as `avif 800 auto:good`."""
    quality = request.spec.quality
    return f"{request.format} {request.spec.width} {'default' if quality is None else write_quality(quality)}"
