"""Draft or final: which of them answers a request.

A final is searched for with the encoder's full effort, and the same request always has the same final. Where it would
keep the client waiting for longer than the budget, a draft answers first: one encode at a predicted quality. So a time
limit decides who waits, and never what a final looks like.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final, Literal

from django.conf import settings

from delivery import counters
from delivery.entry import Entry
from delivery.pace import PACE, estimated_seconds
from delivery.variants import VariantRequest, stays_animated
from pipeline.errors import BadParameter
from pipeline.params import shown
from pipeline.request import Effort

Refine = Literal["auto", "wait", "never"]
"""What a client wants of finals: to be answered within the budget, to wait for one, to cause none."""
Answer = Literal["draft", "final"]

_WORDS: Final[dict[str, Refine]] = {"wait": "wait", "0": "never"}


def read_refine(text: str) -> Refine:
    """This will read the URL's `refine`, or raise `BadParameter`."""
    if text not in _WORDS:
        raise BadParameter(f"Expected wait or 0 for refine, received {shown(text)}.")
    return _WORDS[text]


def is_searched(request: VariantRequest) -> bool:
    """Whether its final is searched for. What has a quality of its own, and what moves, is final at once."""
    return request.render.spec.target is not None and request.render.format != "gif" and not stays_animated(request)


def first_answer(*, refine: Refine, final_seconds: float, budget_seconds: float) -> Answer:
    """This will say what answers a request at the least; a final that is there already answers all.

    >>> first_answer(refine="auto", final_seconds=0.3, budget_seconds=0.25)
    'draft'
    """
    if refine == "auto":
        return "draft" if final_seconds > budget_seconds else "final"
    return "draft" if refine == "never" else "final"


def answer_to(request: VariantRequest, refine: Refine) -> Answer:
    """This will apply `first_answer` to a request, here and now; without drafts all answers are final."""
    config = settings.CONFIG
    if not (config.delivery_drafts and is_searched(request)):
        return "final"
    seconds = estimated_seconds(request) * PACE.ratio(request.render.format, "full") if refine == "auto" else 0.0
    return first_answer(refine=refine, final_seconds=seconds, budget_seconds=config.delivery_budget_ms / 1000)


def as_draft(request: VariantRequest) -> VariantRequest:
    return replace(request, render=replace(request.render, effort="quick", predict=True))


def as_final(request: VariantRequest) -> VariantRequest:
    """A quality that was asked for is written by the quick encoder, at once and by every way."""
    effort: Effort = "full" if is_searched(request) else "quick"
    return replace(request, render=replace(request.render, effort=effort, predict=False))


def tell(request: VariantRequest, entry: Entry, *, seconds: float, made: str) -> None:
    """This will count what was made, and learn from a final that was searched for how long the next one takes.

    What was decided before takes one encode: taken for the pace, it would have clients wait seconds for finals.
    """
    if entry.receipt.provisional:
        counters.DRAFTS.labels(entry.format).inc()
    elif is_searched(request):
        counters.FINALS.labels(entry.format, made).inc()
        if entry.receipt.tries > 1:
            PACE.note(request.render.format, "full", estimated=estimated_seconds(request), measured=seconds)
