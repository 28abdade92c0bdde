"""AutoQuality's answer is the one that trying every quality gives, at the price that was promised."""

from __future__ import annotations

import statistics
from functools import cache

import pytest

from pipeline import vips
from pipeline.demands import demands_of, judged
from pipeline.encode import ENCODERS, Manner, encode
from pipeline.measuring import decoded, told
from pipeline.quality.reference import Reference
from pipeline.request import Chroma, Prior
from pipeline.spec import Format
from pipeline.targets import TARGETS
from tests import images
from tests.pipeline.quality.photographs import MORE, PHOTOGRAPHS, photograph
from tests.pipeline.searching import LOSSY, aimed

pytestmark = pytest.mark.slow

CHOSEN = (*PHOTOGRAPHS, *MORE)[:12]
"""Those of scikit-image, and the project's own real images where they are at hand."""
ASKED = ("best", "good")
WIDTH = 480
NARROWER = 400


@cache
def picture(name: str, width: int) -> vips.Image:
    whole = images.from_pixels(photograph(name))
    return whole.resize(width / whole.width).copy_memory()


def exhaustive(name: str, output_format: Format, chroma: Chroma) -> dict[str, int]:
    """This will try from 1 up and give the first quality that meets each target; where none does, the highest."""
    image, manner = picture(name, WIDTH), Manner(chroma=chroma)
    reference = Reference(told(image, output_format))
    left = {word: demands_of(TARGETS[word]) for word in ASKED}
    first = dict.fromkeys(ASKED, 100)
    for quality in ENCODERS[output_format].steps:  # between them files are the same, another test says
        comparison = reference.compare(decoded(encode(image, output_format, quality, manner), output_format))
        for word in [word for word, demands in left.items() if judged(comparison, demands).is_met]:
            first[word] = quality
            del left[word]
        if not left:
            break
    return first


def test_the_answer_is_the_exhaustive_minimum_and_cheap() -> None:
    unequal: list[tuple[int, str, Format, str]] = []
    alone: list[int] = []
    told_before: list[int] = []
    for name in CHOSEN:
        data, narrow = (images.encoded(picture(name, width), "png") for width in (WIDTH, NARROWER))
        for output_format in LOSSY:
            found = {word: aimed(output_format, TARGETS[word], data, width=None) for word in ASKED}
            least = exhaustive(name, output_format, found["best"].chroma or "4:2:0")
            for word, each in found.items():
                known = Prior(points=aimed(output_format, TARGETS[word], narrow, width=None).curve, is_own=True)
                again = aimed(output_format, TARGETS[word], data, width=None, how={"prior": known})
                alone.append(each.trial_encodes)
                told_before.append(again.trial_encodes)
                off = [abs((one.quality or 0) - least[word]) for one in (each, again)]
                unequal += [(steps, name, output_format, word) for steps in off if steps]
    assert len(unequal) <= 0.02 * 2 * len(alone), unequal
    assert all(steps <= 1 for steps, *_ in unequal), unequal
    assert (statistics.median(alone) <= 4, statistics.median(told_before) <= 3) == (True, True)
    for trials in (alone, told_before):
        assert max(trials) <= 8
        assert sorted(trials)[int(len(trials) * 0.95)] <= 6, sorted(trials)
