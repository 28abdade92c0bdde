"""The smallest file that measures what its target asks.

It is certified by two encodes: its quality meets every demand and the quality below does not. `pipeline.seeking` says
what to try. Everything is measured on the file decoded again, never taken from what an encoder promises. Curves are not
strictly monotone, so a still lower quality may meet the target as well: of 792 searches (22 photographs, 480 and 800
px, three formats, SSIM 0.95 to 0.99, with and without a prior) 7 ended above the lowest.

Order of precedence:

1. `max-bytes` wins over every minimum: a file that is too heavy is refitted by `pipeline.fitting`.
2. All minima hold together: SSIM, worst tile, ΔE, chroma ΔE. None is traded for another.
3. The encoder's scale ends: where no quality meets them, the best is written; where every one does, the lowest.

Which of them decided is said as the `bound`: that demand which the quality below missed.

Colours are kept as finely as light where their edges would bleed (`pipeline.subsampling`), which is measured on the
pixels before anything is encoded. PNG is lossless where a palette can be exact; else the smallest palette that meets
the target is taken if it is smaller. GIF has no quality.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from pipeline import vips
from pipeline.cost import PALETTE_MEGAPIXELS
from pipeline.curves import forecast
from pipeline.demands import Verdict, demands_of, judged
from pipeline.encode import ENCODERS, Manner, chroma_of, encode, lossless_png, optimised, palette_png
from pipeline.fitting import Encoded, encode_within
from pipeline.measuring import decoded, told
from pipeline.phases import Phases
from pipeline.quality.reference import Comparison, Reference
from pipeline.request import Chroma, RenderRequest
from pipeline.seeking import MOST_TRIALS, Seeker
from pipeline.spec import Format
from pipeline.subsampling import bleeds
from pipeline.targets import Target

__all__ = ["Found", "encode_to_target"]

_DRAFT_CHANCE: Final = 0.65
"""How likely a predicted quality should meet its target."""
_HIGHEST_PALETTE: Final = 99
"""At 100 a PNG is lossless."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    made: Encoded
    chroma: Chroma | None = None
    target_met: bool | None = None
    """None where there is no target, or where nothing can be measured."""
    bound: str = ""
    """See `pipeline.rendition.Rendition`."""
    trials: int = 0
    """How often the encoder was asked."""
    curve: tuple[tuple[int, float], ...] = ()
    comparison: Comparison | None = None
    """Of the file with what was written."""


def encode_to_target(
    image: vips.Image, request: RenderRequest, target: Target, max_bytes: int | None, phases: Phases
) -> Found:
    """This will write a still in the fewest bytes that meet the target.

    Where `request` predicts, or has decided before, there is one encode and no search. A picture of one pixel gets the
    format's default quality.
    """
    with phases.phase("measure"):
        work = _Work(image, request, target, phases)
    if not work.reference.is_measurable:
        made = encode_within(image, request.format, None, max_bytes, pages=1, manner=work.manner)
        return Found(made=made, chroma=work.chroma)
    if request.decided is not None:
        kept = work.decided(request.decided.quality, bounded=max_bytes is not None)
    elif request.predict:
        kept = work.predicted()
    else:
        kept = work.smallest()
    if max_bytes is not None and len(kept.made.body) > max_bytes:
        return work.refitted(kept, max_bytes)
    return work.found(kept.made, kept.comparison, kept.verdict)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Trial:
    made: Encoded
    comparison: Comparison
    verdict: Verdict


class _Work:
    """One picture, one format, one target."""

    def __init__(self, image: vips.Image, request: RenderRequest, target: Target, phases: Phases) -> None:
        self._image, self._request, self._phases = image, request, phases
        self._format: Format = request.format
        self._demands = demands_of(target)
        shown = told(image, self._format)
        self.reference = Reference(shown)
        self.manner = Manner(effort=request.effort, chroma=self._chosen_chroma(shown))
        self.chroma = chroma_of(self._format, self.manner)
        self._trials = 0
        self._curve: dict[int, float] = {}
        self._bound = "" if request.decided is None or request.predict else request.decided.bound

    def decided(self, quality: int | None, *, bounded: bool = False) -> _Trial:
        """This will write what a search has found, or, `bounded`, what `max-bytes` may have come down to from there.

        A palette that was found is smaller than what is lossless. One that a bound came down to may not be, or was not
        taken where a palette can be exact; that is for `encode` to say again, as it did then.
        """
        if self._format == "png" and not bounded:
            body = lossless_png(self._image)[0] if quality is None else palette_png(self._image, quality)
            return self._tried(self._optimised(body), quality)
        return self._encoded(quality)

    def predicted(self) -> _Trial:
        if ENCODERS[self._format].quality is None:
            return self.decided(None)
        return self._encoded(self._seeker(ENCODERS[self._format].steps).predicted(_DRAFT_CHANCE))

    def smallest(self) -> _Trial:
        if self._format == "png":
            return self._smallest_png()
        if ENCODERS[self._format].quality is None:
            only = self._encoded(None)
            self._bound = "" if only.verdict.is_met else "scale"
            return only
        return self._sought(self._encoded, self._seeker(ENCODERS[self._format].steps))

    def refitted(self, heavy: _Trial, max_bytes: int) -> Found:
        """This will keep the bound of bytes; where that made the picture smaller, it is compared at its new size."""
        made = encode_within(
            self._image, self._format, heavy.made.quality, max_bytes, pages=1, manner=self.manner, first=heavy.made
        )
        self._trials += made.trials
        if made.body == heavy.made.body:  # there was nothing to give up
            return self.found(made, heavy.comparison, heavy.verdict)
        self._bound = "max-bytes"
        with self._phases.phase("measure"):
            same = made.image is self._image
            reference = self.reference if same else Reference(told(made.image, self._format), keep=False)
            comparison = reference.compare(decoded(made.body, self._format))
            verdict = judged(comparison, self._demands)
        return self.found(made, comparison, verdict)

    def found(self, made: Encoded, comparison: Comparison, verdict: Verdict) -> Found:
        return Found(
            made=made,
            chroma=self.chroma,
            target_met=verdict.is_met,
            bound=self._bound,
            trials=self._trials,
            curve=tuple(sorted(self._curve.items())),
            comparison=comparison,
        )

    def _chosen_chroma(self, shown: vips.Image) -> Chroma:
        if self._request.decided is not None:
            return self._request.decided.chroma
        return "4:4:4" if ENCODERS[self._format].whole_chroma and bleeds(shown) else "4:2:0"

    def _smallest_png(self) -> _Trial:
        body, exact = lossless_png(self._image)
        lossless = self._tried(self._optimised(body), None)
        if exact or self._image.width * self._image.height > PALETTE_MEGAPIXELS * 1e6:
            return lossless
        palette = self._sought(self._palette, self._seeker(range(1, _HIGHEST_PALETTE + 1), most=MOST_TRIALS - 1))
        if not palette.verdict.is_met:
            return lossless
        small = self._optimised(palette.made.body)
        if len(small) >= len(lossless.made.body):
            self._bound = ""
            return lossless
        return replace(palette, made=replace(palette.made, body=small))

    def _seeker(self, steps: Sequence[int], *, most: int = MOST_TRIALS) -> Seeker:
        request = self._request
        aim = {demand.name: demand.level(demand.asked) for demand in self._demands}
        return Seeker(forecast(self._format, request.effort, request.prior), aim, steps, top=steps[-1], most=most)

    def _sought(self, write: Callable[[int], _Trial], seeker: Seeker) -> _Trial:
        """This will give the lowest quality that meets the target, or else the highest."""
        missed: dict[int, str] = {}
        kept: _Trial | None = None
        while (quality := seeker.next()) is not None:
            trial = write(quality)
            seeker.tell(quality, trial.verdict.is_met, trial.verdict.levels)
            if not trial.verdict.is_met:
                missed[quality] = trial.verdict.unmet
            if kept is None or _rank(trial) < _rank(kept):
                kept = trial
        if kept is None:
            raise RuntimeError("Expected a quality to try, received none.")
        if seeker.found is None:
            self._bound = "scale"
            return kept
        below = [quality for quality in missed if quality < seeker.found]
        self._bound = missed[max(below)] if below else "scale"
        return replace(kept, made=replace(kept.made, quality=seeker.found))

    def _encoded(self, quality: int | None) -> _Trial:
        return self._tried(encode(self._image, self._format, quality, self.manner), quality)

    def _palette(self, quality: int) -> _Trial:
        return self._tried(palette_png(self._image, quality), quality)

    def _optimised(self, body: bytes) -> bytes:
        return optimised(body, self._image, self.manner)

    def _tried(self, body: bytes, quality: int | None) -> _Trial:
        """This will decode a file and compare it with what was written."""
        self._trials += 1
        with self._phases.phase("measure"):
            comparison = self.reference.compare(decoded(body, self._format))
            verdict = judged(comparison, self._demands)
        if quality is not None:
            self._curve[quality] = verdict.ssim
        return _Trial(
            made=Encoded(body=body, quality=quality, image=self._image), comparison=comparison, verdict=verdict
        )


def _rank(trial: _Trial) -> tuple[bool, int]:
    """What meets the target comes first, the lowest quality before all; else the highest."""
    quality = trial.made.quality or 0
    return (False, quality) if trial.verdict.is_met else (True, -quality)
