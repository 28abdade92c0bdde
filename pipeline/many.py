"""Many renditions of one source, with what they have in common done once.

Requests are worked through in an order in which those that share something lie together, and only the last of each
kind is kept: the decoded source (one a load-shrink factor), the scaled picture, the finished picture. So memory holds,
beside the finished files and what each thread is writing, one of each at a time. A decoded source that is larger than
`admission.HELD_MEGABYTES` is not kept, but decoded again for each size.

Every rendition is the one that `pipeline.render.render` makes of its request alone, byte for byte. Where a target is
searched for, what one width has taught is handed on to the next of the same format, so that a rung of a ladder takes
about three encodes; a curve that is not monotone may then end at another quality that meets the target (one in 100).
"""

from __future__ import annotations

import threading
from collections.abc import Hashable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial

from pipeline import vips
from pipeline.errors import ImgoptError
from pipeline.order import Order
from pipeline.outcome import Last, attempt
from pipeline.phases import Phases
from pipeline.production import drawn, ordered, written
from pipeline.rendition import Rendition
from pipeline.request import Prior, RenderRequest
from pipeline.shared_source import SharedSource, bounds, opened, scaled

Outcome = Rendition | ImgoptError


def produce_each(
    data: bytes, requests: Sequence[RenderRequest], *, measure: bool = False, threads: int = 1
) -> list[Outcome]:
    """This will make a rendition of each request, in their order; one that fails is an error in its place.

    With more threads, so many files are written at once, while decoding and steps stay one at a time.
    """
    work = _Work(data, requests, measure=measure)
    with ThreadPoolExecutor(threads) as pool:
        for done in [pool.submit(work.go_on) for _ in range(threads)]:
            done.result()
    return work.outcomes()


class _Work:
    """What is left to do; several threads may go on with it."""

    def __init__(self, data: bytes, requests: Sequence[RenderRequest], *, measure: bool) -> None:
        self._measure = measure
        self._source = SharedSource(data)
        self._phases = [Phases() for _ in requests]
        orders = [attempt(partial(ordered, self._source, *each)) for each in zip(requests, self._phases, strict=True)]
        self._refused = {place: each for place, each in enumerate(orders) if isinstance(each, ImgoptError)}
        self._orders = {place: each for place, each in enumerate(orders) if isinstance(each, Order)}
        self._source.expect(self._orders.values())
        self._files: dict[Hashable, Outcome] = {}
        self._left = iter(_neighbours_together(self._orders))
        self._drawing = threading.Lock()
        self._picture = Last[vips.Image]()
        self._learnt = _Learnt()

    def go_on(self) -> None:
        """This will draw and write until nothing is left; only one thread draws at a time."""
        while True:
            with self._drawing:
                place = next(self._left, None)
                if place is None:
                    return
                order, phases = self._orders[place], self._phases[place]
                image = attempt(
                    partial(self._picture.get, _picture(order), partial(drawn, self._source, order, phases))
                )
            self._files[_file(order)] = image if isinstance(image, ImgoptError) else self._write(image, order, phases)

    def _write(self, image: vips.Image, order: Order, phases: Phases) -> Outcome:
        order = replace(order, request=self._learnt.told(order.request))
        outcome = attempt(partial(written, self._source, image, order, phases, measure=self._measure))
        if isinstance(outcome, Rendition):
            self._learnt.take_in(order.request, outcome)
        return outcome

    def outcomes(self) -> list[Outcome]:
        made = {place: self._files[_file(order)] for place, order in self._orders.items()} | self._refused
        return [made[place] for place in range(len(made))]


class _Learnt:
    """The curve found last of each format, as a prior for the next search; threads may share it."""

    def __init__(self) -> None:
        self._priors: dict[Hashable, Prior] = {}

    def told(self, request: RenderRequest) -> RenderRequest:
        """This will add what is known to a request that does not come with a prior of the same master."""
        prior = self._priors.get(_encoder(request))
        if prior is None or (request.prior is not None and request.prior.is_own):
            return request
        return replace(request, prior=prior)

    def take_in(self, request: RenderRequest, rendition: Rendition) -> None:
        if rendition.curve:
            self._priors[_encoder(request)] = Prior(points=rendition.curve, is_own=True)


def _encoder(request: RenderRequest) -> Hashable:
    return request.format, request.effort


def _neighbours_together(orders: Mapping[int, Order]) -> list[int]:
    """This will sort places so that equal pictures, scaled pictures and decoded sources follow each other.

    Of requests for the same file, the first is enough. Large pictures come first, so that no thread is left alone with
    one at the end.
    """
    ranks: dict[Hashable, int] = {}
    first: dict[Hashable, int] = {}
    for place, order in sorted(orders.items(), key=lambda each: -_pixels(each[1])):
        first.setdefault(_file(order), place)

    def key(place: int) -> list[int]:
        return [ranks.setdefault(of(orders[place]), len(ranks)) for of in (opened, scaled, _picture)]

    return sorted(first.values(), key=key)


def _pixels(order: Order) -> int:
    return order.work.output_width * order.work.output_height * order.frames


def _picture(order: Order) -> Hashable:
    """What decides the finished pixels: all of the plan but what only the encoder reads."""
    work, request = order.work, order.request
    spec = replace(
        work.spec,
        format=None,
        quality=None,
        min_worst_tile=None,
        max_delta_e=None,
        max_bytes=None,
        keep_metadata=False,
    )
    return replace(work, spec=spec), order.frames, request.mark, bounds(request.limits)


def _file(order: Order) -> Hashable:
    request, spec = order.request, order.work.spec
    told = spec.quality if spec.target is None else spec.target
    how = (request.effort, request.predict, request.decided)
    written = (request.format, told, how, spec.max_bytes, spec.keep_metadata)
    return _picture(order), written, request.source_formats, request.own_colours
