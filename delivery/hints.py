"""What a URL may leave to the client (`w=auto`, `dpr=auto`), and what the client's hints make of it.

`Sec-CH-Width` is in the device's own pixels: the device pixel ratio is in it already and never multiplies it again.
Every hint is rounded up to one of a few values before it is used, so no client can ask for more than the ladder has.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple

from django.conf import settings

from assets.models import Blob
from pipeline.errors import BadParameter
from pipeline.ladder import snap
from pipeline.params import shown
from pipeline.spec import Format, TransformSpec
from pipeline.targets import TARGETS
from pipeline.values import MAX_SIDE, whole

MAX_WIDTHS = 32
WIDTH_WITHOUT_HINT = 1280
"""Of `w=auto` where the client says nothing: sharp on a laptop, not much for a phone."""
DPR_STEPS = (1.0, 1.5, 2.0, 3.0)
"""Nobody sees a difference beyond 3."""
SAVE_DATA_QUALITY: Final = TARGETS["eco"]
"""Instead of the default."""
SEARCHED: Final[tuple[Format | None, ...]] = (None, "avif", "webp", "jpeg", "png")
"""Formats whose quality may be left to Save-Data; None: negotiated."""
WIDTH = re.compile(r"[1-9][0-9]{0,5}")
DPR = re.compile(r"[0-9]{1,2}(?:\.[0-9]{1,6})?")


class Hints(NamedTuple):
    """The hints of one request, rounded; part of what the edge remembers an answer by."""

    width: int = 0
    """A rung of the ladder; 0 where the client says nothing."""
    dpr: float = 0.0
    """One of `DPR_STEPS`; 0 where the client says nothing."""
    save_data: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What a URL leaves to the client."""

    widths: tuple[int, ...] | None = None
    """The widths it may have; empty: all of the ladder. None: the URL says the width itself."""
    dpr: bool = False

    def __bool__(self) -> bool:
        return self.dpr or self.widths is not None

    def headers(self, spec: TransformSpec) -> tuple[str, ...]:
        """This will name the request headers that may change the answer, for `Vary`."""
        may_be_frugal = spec.quality is None and spec.format in SEARCHED
        said = (
            ("Sec-CH-Width", self.widths is not None),
            ("Sec-CH-DPR", self.dpr),
            ("Save-Data", self.dpr or (bool(self) and may_be_frugal)),
        )
        return tuple(name for name, matters in said if matters)


NOTHING = Choice()


def choice_of(pairs: Iterable[tuple[str, str]]) -> tuple[Choice, list[tuple[str, str]]]:
    """This will take `w=auto` and `dpr=auto` out of the pairs; the others are the parser's."""
    choice, fixed = NOTHING, []
    for name, value in pairs:
        if name in ("w", "width") and value.startswith("auto") and choice.widths is None:
            choice = replace(choice, widths=_widths(name, value))
        elif name == "dpr" and value == "auto" and not choice.dpr:
            choice = replace(choice, dpr=True)
        else:
            fixed.append((name, value))
    if choice and not settings.CONFIG.delivery_client_hints:
        raise BadParameter(
            "Expected numbers for w and dpr, received auto, which counts only with IMGOPT_DELIVERY_CLIENT_HINTS=true."
        )
    numbers = {name for name, _ in fixed}
    if (choice.widths is not None and numbers & {"w", "width"}) or (choice.dpr and "dpr" in numbers):
        raise BadParameter("Expected each parameter once, received w or dpr both as auto and as a number.")
    return choice, fixed


def hints_of(query: str, environ: Mapping[str, Any]) -> Hints | None:
    """This will read the hints of a request whose URL may heed them; `None` for the others.

    `auto` and `preset` count only as they are written, so a look at the raw query is enough.
    """
    if "auto" not in query and "preset=" not in query:
        return None
    width, dpr = environ.get("HTTP_SEC_CH_WIDTH", ""), environ.get("HTTP_SEC_CH_DPR", "")
    return Hints(
        snap(int(width), settings.CONFIG.delivery_ladder) if WIDTH.fullmatch(width) else 0,
        _step(float(dpr)) if DPR.fullmatch(dpr) else 0.0,
        environ.get("HTTP_SAVE_DATA", "").strip().lower() == "on",
    )


def chosen(spec: TransformSpec, choice: Choice, hints: Hints, blob: Blob) -> TransformSpec:
    """This will give the spec with the client's choice in it.

    Save-Data makes `dpr=auto` 1, and a hinted width that of the layout, where the device pixel ratio is known.
    """
    if choice.dpr:
        spec = replace(spec, dpr=1.0 if hints.save_data else hints.dpr or 1.0)
    if choice.widths is None:
        return spec
    wanted = hints.width
    if choice.dpr and hints.save_data and hints.dpr:
        wanted = int(wanted / hints.dpr)
    width = _best(wanted, choice.widths, _source_width(spec, blob), settings.CONFIG.delivery_ladder)
    # `resolve` multiplies by dpr and snaps up again: the rung comes out, and `h` and `pad` have grown with dpr.
    return replace(spec, width=max(1, width * 100 // round(spec.dpr * 100)), snap=True, enlarge=False)


def frugal(spec: TransformSpec) -> TransformSpec:
    """This will lower the quality, unless the URL says it."""
    return replace(spec, quality=spec.quality or SAVE_DATA_QUALITY)


def _best(wanted: int, widths: Sequence[int], source_width: int, ladder: Sequence[int]) -> int:
    """This will give the smallest allowed rung that is wide enough, never beyond the first that shows all pixels."""
    rungs = sorted({snap(width, ladder) for width in widths}) or ladder or (MAX_SIDE,)
    wanted = wanted or (rungs[-1] if widths else WIDTH_WITHOUT_HINT)
    return snap(min(wanted, source_width), rungs)


def _source_width(spec: TransformSpec, blob: Blob) -> int:
    width, height = (spec.rect.width, spec.rect.height) if spec.rect else (blob.width, blob.height)
    return min(height, blob.height) if spec.rotate in (90, 270) else min(width, blob.width)


def _widths(name: str, value: str) -> tuple[int, ...]:
    words = value.removeprefix("auto:").split(",") if value != "auto" else []
    try:
        if value != "auto" and (not value.startswith("auto:") or len(words) > MAX_WIDTHS):
            raise ValueError(value)
        return tuple(whole(1, MAX_SIDE)(word) for word in words)
    except ValueError as error:
        raise BadParameter(
            f"Expected auto, or auto: and at most {MAX_WIDTHS} widths from 1 to {MAX_SIDE} such as auto:320,640,1280 "
            f"for {name}, received {shown(value)}."
        ) from error


def _step(dpr: float) -> float:
    """A ratio of 0 is nonsense, and no hint."""
    return next((step for step in DPR_STEPS if dpr <= step), DPR_STEPS[-1]) if dpr else 0.0
