"""Which quality is tried next: on curves made of numbers, without a pixel."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.curves import QUALITIES, forecast, likeness
from pipeline.request import Prior
from pipeline.seeking import Seeker

Curve = Callable[[int], float]

EVERY = range(1, 101)


def sought(
    curve: Curve, aim: float, *, prior: Prior | None = None, steps: Sequence[int] = EVERY, top: int = 100, most: int = 8
) -> tuple[int | None, list[int]]:
    """This will search a curve of -log(1 - SSIM), and give what was found and what was tried."""
    seeker = Seeker(forecast("webp", "quick", prior), {"ssim": aim}, steps, top=top, most=most)
    tried: list[int] = []
    while (quality := seeker.next()) is not None:
        tried.append(quality)
        seeker.tell(quality, curve(quality) >= aim, {"ssim": curve(quality)})
        assert len(tried) <= most
    return seeker.found, tried


def usual(shift: float = 0.0) -> Curve:
    means = forecast("webp", "quick", None).means
    return lambda quality: float(means[quality - 1]) + shift


@pytest.mark.parametrize("shift", [-0.5, -0.2, 0.0, 0.2, 0.5])
@pytest.mark.parametrize("target", [0.95, 0.97, 0.99])
def test_a_curve_that_is_as_expected_takes_few_trials(shift: float, target: float) -> None:
    curve = usual(shift)
    found, tried = sought(curve, likeness(target))
    assert found == next(quality for quality in EVERY if curve(quality) >= likeness(target))
    assert len(tried) <= 5
    assert {found, found - 1} <= set(tried)


def test_another_width_of_the_master_saves_trials() -> None:
    curve, aim = usual(0.4), likeness(0.97)
    points = tuple((quality, 1 - float(np.exp(-curve(quality)))) for quality in (60, 66))
    free, told = sought(curve, aim)[1], sought(curve, aim, prior=Prior(points=points, is_own=True))[1]
    assert len(told) <= 3 < len(free) + 1
    assert len(told) < len(free)


@pytest.mark.parametrize("answer", [1, 2, 3, 17, 50, 64, 98, 99, 100, 101])
def test_a_cliff_where_nobody_expects_it_is_found_within_eight(answer: int) -> None:
    found, tried = sought(lambda quality: 9.0 if quality >= answer else 0.1, likeness(0.97))
    assert len(tried) <= 8
    if answer > 100:
        assert (found, tried[-1]) == (None, 100)
    else:
        assert found is not None
        assert 0 <= found - answer <= 1, "an improbable place may cost the last certificate"


@given(
    rises=st.lists(st.floats(0, 0.4), min_size=100, max_size=100),
    start=st.floats(0, 3),
    aim=st.floats(0.5, 8),
    top=st.sampled_from([99, 100]),
    most=st.sampled_from([7, 8]),
)
def test_on_any_rising_curve_the_answer_is_the_lowest_or_one_above(
    rises: list[float], start: float, aim: float, top: int, most: int
) -> None:
    values = start + np.cumsum(rises)
    exhaustive = next((quality for quality in range(1, top + 1) if values[quality - 1] >= aim), None)
    found, tried = sought(lambda quality: float(values[quality - 1]), aim, top=top, most=most)
    assert len(set(tried)) == len(tried) <= most
    if exhaustive is None:
        assert found is None
        assert top in tried, "the best is what is written then"
    else:
        assert found is not None
        assert found - exhaustive in (0, 1)


def test_a_dip_that_is_likely_is_looked_into_and_what_it_finds_is_certified() -> None:
    """Where a curve is flat and a quality just misses the target, the one below may meet it."""
    aim = usual()(50)
    for miss, following in ((0.0002, 49), (0.05, None)):
        seeker = Seeker(forecast("webp", "quick", None), {"ssim": aim}, EVERY)
        seeker.tell(51, True, {"ssim": usual()(51)})
        seeker.tell(50, False, {"ssim": aim - miss})
        assert seeker.next() == following
    seeker = Seeker(forecast("webp", "quick", None), {"ssim": aim}, EVERY)
    seeker.tell(51, True, {"ssim": usual()(51)})
    seeker.tell(50, False, {"ssim": aim - 0.0002})
    seeker.tell(49, True, {"ssim": aim})
    assert (seeker.found, seeker.next()) == (49, 48)


def test_where_files_come_in_steps_only_one_of_each_is_tried() -> None:
    steps = range(1, 101, 4)

    def curve(quality: int) -> float:
        return usual()((quality - 1) // 4 * 4 + 1)

    found, tried = sought(curve, likeness(0.97), steps=steps)
    assert found in steps
    assert len({(quality - 1) // 4 for quality in tried}) == len(tried)


def test_a_prediction_is_higher_the_surer_it_has_to_be() -> None:
    seeker = Seeker(forecast("jpeg", "full", None), {"ssim": likeness(0.97)}, EVERY)
    chances = [seeker.predicted(chance) for chance in (0.3, 0.5, 0.7, 0.9)]
    assert chances == sorted(set(chances))


def test_another_figure_that_is_missed_raises_the_next_trial() -> None:
    seeker = Seeker(forecast("webp", "quick", None), {"ssim": likeness(0.97), "chroma": 0.0}, EVERY)
    first = seeker.next()
    assert first is not None
    seeker.tell(first, False, {"ssim": likeness(0.99), "chroma": -0.4})
    second = seeker.next()
    assert second is not None
    assert second > first


def test_forecasts_narrow_down_where_something_is_known() -> None:
    known = forecast("avif", "quick", None)
    before = known.deviations.copy()
    known.observe(60, 3.2)
    assert known.means[59] == pytest.approx(3.2, abs=0.02)
    assert known.deviations[59] < 0.03 < before[59]
    assert (known.deviations <= before + 1e-9).all()
    assert known.deviations.shape == QUALITIES.shape


@pytest.mark.parametrize("effort", ["quick", "full"])
@pytest.mark.parametrize("output_format", ["avif", "webp", "jpeg", "png"])
def test_every_format_that_is_searched_has_a_forecast_that_rises(output_format: str, effort: str) -> None:
    means = forecast(output_format, effort, None).means  # type: ignore[arg-type]
    assert means[0] < means[49] < means[89]
