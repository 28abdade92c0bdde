"""A file measured later has the figures that it would have had when it was written."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest

from pipeline.admission import Weight
from pipeline.errors import DamagedImage
from pipeline.limits import Limits
from pipeline.params import parse
from pipeline.pool import PoolConfig, RenderPool
from pipeline.remeasure import MOVES, remeasure
from pipeline.render import RenderRequest, render
from pipeline.rendition import Rendition
from pipeline.spec import Format
from tests import images
from tests.pipeline.quality.figures import same_figures

PHOTO = images.encoded(images.scene(400, 300), "png")


@pytest.fixture(scope="module")
def pool() -> Iterator[RenderPool]:
    pool = RenderPool(PoolConfig(processes=1))
    yield pool
    pool.stop()


def asked(params: str, kind: Format, *, own: frozenset[str] = frozenset()) -> RenderRequest:
    pairs = [tuple(pair.split("=")) for pair in params.split("&") if pair]
    return RenderRequest(spec=parse(pairs), format=kind, source_formats=own, limits=Limits())  # type: ignore[arg-type]


def made(params: str, kind: Format, data: bytes = PHOTO) -> tuple[RenderRequest, Rendition]:
    request = asked(params, kind)
    return request, render(data, request, measure=True)


@pytest.mark.parametrize(
    ("params", "kind"),
    [
        ("w=200&q=60", "jpeg"),
        ("w=200&q=60", "webp"),
        ("w=200&q=60", "avif"),
        ("w=120&h=120&fit=crop&blur=20&border=3,f00&pad=5&q=30", "webp"),
        ("w=200&mask=ellipse&q=60", "avif"),
        ("w=100&q=20", "png"),
        ("w=200", "gif"),
    ],
)
def test_a_file_has_the_same_figures_later(params: str, kind: Format) -> None:
    request, rendition = made(params, kind)
    later = remeasure(PHOTO, request, rendition.body, kind)
    assert same_figures(later.scores, rendition.scores)
    assert later.reason == ""
    assert later.seconds > 0


def test_what_max_bytes_has_made_smaller_is_compared_at_its_own_size() -> None:
    request, rendition = made("w=400&max-bytes=1500&q=80", "jpeg")
    assert rendition.width < 400, "or this tests nothing"
    assert remeasure(PHOTO, request, rendition.body, "jpeg").scores == rendition.scores


def test_the_sources_own_bytes_are_identical_because_they_measure_so() -> None:
    request = asked("q=90", "jpeg", own=frozenset({"png"}))
    later = remeasure(PHOTO, request, PHOTO, "png")
    assert later.scores is not None
    assert (later.scores.identical, later.scores.psnr) == (True, None)
    assert later.scores.ssim == pytest.approx(1.0, abs=1e-6)


def test_bytes_of_another_picture_are_not_taken_for_it() -> None:
    request, rendition = made("w=200&q=60", "jpeg")
    other = render(images.encoded(images.quadrants(400, 300), "png"), request).body
    found = remeasure(PHOTO, request, other, "jpeg").scores
    assert found is not None
    assert rendition.scores is not None
    assert found.rmse > 5 * rendition.scores.rmse


def test_says_why_there_are_no_figures() -> None:
    moving = images.animation("gif", [images.scene(40, 30, seed=seed) for seed in (1, 2)])
    request, rendition = made("w=20", "webp", moving)
    assert (remeasure(moving, request, rendition.body, "webp").reason, rendition.unmeasured) == (MOVES, MOVES)
    pixel, rendition = made("w=1&h=1&fit=scale&q=50", "jpeg")
    later = remeasure(PHOTO, pixel, rendition.body, "jpeg")
    assert (later.scores, later.reason) == (None, rendition.unmeasured)
    assert "pixel" in later.reason
    request, rendition = made("w=200&q=60", "jpeg")
    assert "one size" in remeasure(PHOTO, asked("w=100&q=60", "jpeg"), rendition.body, "jpeg").reason


def test_a_child_measures(pool: RenderPool) -> None:
    request, rendition = made("w=200&q=60", "webp")
    weight = Weight(format="png", width=400, height=300)
    assert same_figures(pool.measure(PHOTO, request, rendition.body, "webp", weight=weight).scores, rendition.scores)
    assert pool.render(PHOTO, request, weight=weight).scores is None
    assert same_figures(pool.render(PHOTO, request, weight=weight, measure=True).scores, rendition.scores)
    with pytest.raises(DamagedImage):
        pool.measure(PHOTO[:2000], request, rendition.body, "webp", weight=weight)


def test_who_asks_a_child_to_measure_does_not_load_libvips() -> None:
    code = "import pickle, sys; from pipeline.rendition import Measured; pickle.loads(pickle.dumps(Measured())); "
    code += "import pipeline.pool; sys.exit('pyvips' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
