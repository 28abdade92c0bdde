"""What one width has taught speeds the search for the next, in one task and across tasks."""

from __future__ import annotations

from pipeline.limits import Limits
from pipeline.many import _Learnt, produce_each
from pipeline.render import RenderRequest, render
from pipeline.rendition import Rendition
from pipeline.request import Prior
from pipeline.spec import TransformSpec
from pipeline.targets import TARGETS
from tests import images
from tests.pipeline.quality.photographs import photograph
from tests.pipeline.searching import LOSSY, PHOTO

WIDTHS = (200, 240, 280, 320)


def asked(prior: Prior | None = None) -> list[RenderRequest]:
    return [
        RenderRequest(
            spec=TransformSpec(width=width, quality=TARGETS["good"]), format=kind, prior=prior, limits=Limits()
        )
        for width in WIDTHS
        for kind in LOSSY
    ]


def trials(renditions: list[Rendition]) -> int:
    return sum(each.trial_encodes for each in renditions)


def made(data: bytes, requests: list[RenderRequest]) -> list[Rendition]:
    return [each for each in produce_each(data, requests) if isinstance(each, Rendition)]


def test_a_ladder_takes_about_three_encodes_a_rung() -> None:
    alone, together = [render(PHOTO, request) for request in asked()], made(PHOTO, asked())
    assert len(together) == len(alone) == len(WIDTHS) * len(LOSSY)
    assert all(each.target_met for each in together)
    assert trials(together) < trials(alone)
    assert trials(together) <= 3.5 * len(together)
    assert sum(one.body == other.body for one, other in zip(alone, together, strict=True)) >= len(alone) - 1


def test_a_prior_of_the_same_master_is_not_replaced_and_a_general_one_is() -> None:
    own, general = (Prior(points=((60, 0.9),), is_own=is_own) for is_own in (True, False))
    learnt = _Learnt()
    assert learnt.told(asked(general)[0]).prior == general, "nothing is learnt yet"
    (known,) = made(PHOTO, asked()[:1])
    learnt.take_in(asked()[0], known)
    assert learnt.told(asked(own)[0]).prior == own
    for prior in (None, general):
        assert learnt.told(asked(prior)[0]).prior == Prior(points=known.curve, is_own=True)


def test_formats_and_pictures_do_not_learn_from_each_other() -> None:
    flat = images.encoded(images.from_pixels(photograph("rocket.jpg")), "png")
    first = made(flat, asked()[:3])
    again = [render(flat, request) for request in asked()[:3]]
    assert [each.trial_encodes for each in first] == [each.trial_encodes for each in again]
