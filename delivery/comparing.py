"""`fm=auto` at equal quality: a still is made in every format that may be the smallest, once for each master.

All of them are kept, so what was compared is there for clients that accept less.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from functools import cache

from django.conf import settings

from apikeys.errors import RateLimited
from assets.flight import SingleFlight
from assets.locks.current import shared_locks
from delivery import negotiate
from delivery.together import render_together
from delivery.variants import VariantRequest
from metrics.formats import SIZES
from pipeline.errors import ImgoptError
from pipeline.pool import MOST_LIMITS
from pipeline.rendition import Rendition
from pipeline.spec import Format


def compared(
    wanted: VariantRequest,
    accepted: tuple[Format, ...],
    *,
    before_render: Callable[[], None] = lambda: None,
    is_current: Callable[[], bool] = lambda: True,
) -> VariantRequest:
    """This will give the request in the format that is the smallest, rendering all rivals where nobody has yet.

    Raises what rendering raises, where no rival can be made. A rate limit stops nobody but the client it is about.
    """
    subject = wanted.subject
    if subject is None or not wanted.rivals:
        return wanted

    def compare() -> None:
        if SIZES.find(subject, fresh=True) is None:
            before_render()
            made = render_together([wanted.in_format(kind) for kind in wanted.rivals], is_current=is_current)
            SIZES.learn(subject, _sizes(dict(zip(wanted.rivals, made, strict=True))), width=_width(made))

    name = "-".join(["compare", subject.digest, re.sub(r"[^a-z0-9.]", "-", subject.target), subject.size])
    _flight().run(name, compare, personal=(RateLimited,))
    kind = negotiate.smallest(accepted, SIZES.find(subject) or {})
    return replace(wanted if kind is None else wanted.in_format(kind), rivals=())


def _sizes(made: dict[Format, Rendition | ImgoptError]) -> dict[Format, int]:
    """What misses the target is no equal; if all do, they are. Nor is what bleeds where another keeps colours whole."""
    whole = {kind: each for kind, each in made.items() if isinstance(each, Rendition)}
    if not whole:
        raise next(each for each in made.values() if isinstance(each, ImgoptError))
    equal = {kind: each for kind, each in whole.items() if each.target_met is not False} or whole
    if any(each.chroma == "4:4:4" for each in equal.values()):
        equal = {kind: each for kind, each in equal.items() if each.chroma != "4:2:0"}
    return {kind: len(each.body) for kind, each in equal.items()}


def _width(made: list[Rendition | ImgoptError]) -> int:
    return next(each.width for each in made if isinstance(each, Rendition))


@cache
def _flight() -> SingleFlight[None]:
    """Jobs of other widths wait for as long as it may take; given up earlier, they would use up their attempts."""
    wait_seconds = settings.CONFIG.render_timeout_seconds * MOST_LIMITS
    return SingleFlight(settings.IMGOPT_DATA_DIR / "locks", wait_seconds=wait_seconds, shared=shared_locks())
