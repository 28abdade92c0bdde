"""Further metrics beside SSIM."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from pipeline.admission import Weight
from pipeline.errors import BadParameter
from pipeline.limits import Limits
from pipeline.many import produce_each
from pipeline.pool import PoolConfig, RenderPool
from pipeline.quality import measure, metrics
from pipeline.quality.metrics import METRICS, Metric, metrics_mb, read_metric, scores_of
from pipeline.receipt import read_receipt, receipt_of
from pipeline.rendition import Rendition
from pipeline.request import RenderRequest
from pipeline.spec import TransformSpec
from tests.images import Pixels, encoded, scene
from tests.pipeline.quality.figures import same_figures
from tests.pipeline.quality.photographs import photograph, written

NAME = "ssimulacra2"


def score(reference: Pixels, result: Pixels) -> float:
    return float(measure(reference, result, also=(NAME,)).also[NAME]["score"])


@pytest.mark.slow
@pytest.mark.parametrize("name", ["coffee.png", "chelsea.png"])
def test_ssimulacra2_falls_with_the_quality_and_is_100_for_equal_pictures(name: str) -> None:
    own = photograph(name)
    found = [score(own, written(name, "jpeg", quality)) for quality in (20, 50, 80, 95)]
    assert found == sorted(found)
    assert found[0] < 50 < 60 < found[2] < found[3] < 100
    assert score(own, own) == pytest.approx(100)


@pytest.mark.slow
def test_ssimulacra2_is_what_its_package_says_of_the_files(tmp_path: object) -> None:
    from ssimulacra2 import compute_ssimulacra2

    files = []
    for pixels in (photograph("coffee.png"), written("coffee.png", "webp", 60)):
        files.append(io.BytesIO())
        Image.fromarray(pixels).save(files[-1], "PNG")
    assert score(photograph("coffee.png"), written("coffee.png", "webp", 60)) == pytest.approx(
        compute_ssimulacra2(*files), abs=1e-4
    )


def test_grey_and_transparent_pictures_are_taken() -> None:
    grey = np.linspace(0, 255, 40 * 30).reshape(30, 40).astype(np.uint8)
    assert score(grey, grey) == pytest.approx(100)
    colours = scene(40, 30).numpy()
    opaque, hidden = (np.dstack([colours, np.full((30, 40), alpha, np.uint8)]) for alpha in (255, 40))
    assert score(opaque, hidden) < score(opaque, opaque)


def test_no_metric_is_asked_unless_it_is_named() -> None:
    own = scene(40, 30).numpy()
    scores = measure(own, own)
    assert scores.also == {}
    assert "also" not in scores.as_dict()


def table(**row: object) -> dict[str, Metric]:
    """A metric of the tests' own: the largest difference of two pixels, of which less is better."""
    plain = Metric(
        name="most",
        package="numpy",
        function=lambda own, other: float(np.abs(own.astype(int) - other).max()),
        better="lower",
        least_side=4,
        most_megapixels=0.01,
        mb_per_megapixel=50.0,
    )
    return {"most": replace(plain, **row)}  # type: ignore[arg-type]


@pytest.fixture
def most(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "METRICS", table())


@pytest.mark.usefixtures("most")
def test_of_white_and_black_the_worse_counts_whichever_way_a_metric_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    own = np.zeros((20, 20, 4), np.uint8)  # transparent black: white over white, black over black
    other = np.zeros((20, 20, 4), np.uint8)
    other[:, :, 3] = 255  # black
    assert measure(own, other, also=("most",)).also["most"]["score"] == 255
    monkeypatch.setattr(metrics, "METRICS", table(better="higher"))
    assert measure(own, other, also=("most",)).also["most"]["score"] == 0


@pytest.mark.usefixtures("most")
@pytest.mark.parametrize("size", [(3, 50), (101, 100)])
def test_a_metric_that_has_nothing_to_say_of_a_size_says_nothing(size: tuple[int, int]) -> None:
    pixels = np.zeros((*size, 3), np.uint8)
    assert scores_of(("most",), [(pixels, pixels)]) == {}


@pytest.mark.usefixtures("most")
def test_a_receipt_carries_score_and_version_and_is_read_back() -> None:
    request = RenderRequest(spec=TransformSpec(quality=60), format="webp", limits=Limits(), metrics=("most",))
    (made,) = produce_each(encoded(scene(80, 60), "png"), [request], measure=True)
    assert isinstance(made, Rendition)
    receipt = receipt_of(made)
    told = receipt.as_dict()["scores"]["also"]["most"]
    assert told == {"score": told["score"], "version": np.__version__}
    assert told["score"] > 0
    assert read_receipt(receipt.as_dict()).scores.also == {"most": told}  # type: ignore[union-attr]


def test_a_render_child_measures_what_a_request_names() -> None:
    data = encoded(scene(80, 60), "png")
    request = RenderRequest(spec=TransformSpec(quality=60), format="webp", limits=Limits(), metrics=(NAME,))
    pool = RenderPool(PoolConfig(processes=1))
    try:
        (made,) = pool.render_many(data, [request], weight=Weight(format="png", width=80, height=60), measure=True)
    finally:
        pool.stop()
    (here,) = produce_each(data, [request], measure=True)
    assert isinstance(made, Rendition)
    assert isinstance(here, Rendition)
    assert same_figures(made.scores, here.scores)
    assert made.scores is not None
    assert set(made.scores.also) == {NAME}


def test_memory_is_counted_where_a_metric_is_asked_for() -> None:
    assert metrics_mb((), 1.0) == 0
    assert metrics_mb((NAME,), 1.0) == METRICS[NAME].mb_per_megapixel
    assert metrics_mb((NAME,), 50.0) == 0  # too large a picture: not measured


def test_unknown_and_missing_metrics_are_refused_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BadParameter, match="one of the metrics ssimulacra2, received 'vmaf'"):
        read_metric("vmaf")
    monkeypatch.setattr(metrics, "METRICS", table(package="no-such-package"))
    with pytest.raises(BadParameter, match="pip install"):
        read_metric("most")
