"""How much longer this machine takes than the estimate, and what follows for drafts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivery.drafts import answer_to
from delivery.pace import HALF_LIFE_SECONDS, MOST, PACE, Pace
from pipeline.targets import TARGETS
from tests.delivery.drafting import Clock, large
from tests.delivery.world import configure


def test_what_was_measured_corrects_the_estimate_step_by_step(clock: Clock) -> None:
    pace = Pace(clock)
    assert pace.ratio("avif", "full") == 1.0
    ratios = []
    for _ in range(20):
        pace.note("avif", "full", estimated=0.1, measured=0.3)
        ratios.append(pace.ratio("avif", "full"))
    assert ratios == sorted(ratios)
    assert 1.0 < ratios[0] < 2.0
    assert ratios[-1] == pytest.approx(3.0, rel=0.02)
    assert pace.ratio("avif", "quick") == pace.ratio("webp", "full") == 1.0


def test_what_was_measured_long_ago_counts_for_less(clock: Clock) -> None:
    pace = Pace(clock)
    for _ in range(50):
        pace.note("avif", "full", estimated=1, measured=4)
    before = pace.ratio("avif", "full")
    clock.now += HALF_LIFE_SECONDS
    assert pace.ratio("avif", "full") == pytest.approx(before**0.5)
    clock.now += 100 * HALF_LIFE_SECONDS
    assert pace.ratio("avif", "full") == pytest.approx(1.0)


@given(st.lists(st.tuples(st.floats(0, 1e6), st.floats(0, 1e6))))
def test_no_measurement_takes_the_ratio_beyond_its_bounds(seen: list[tuple[float, float]]) -> None:
    pace = Pace(lambda: 0.0)
    for estimated, measured in seen:
        pace.note("webp", "full", estimated=estimated, measured=measured)
    assert 1 / MOST * 0.999 <= pace.ratio("webp", "full") <= MOST * 1.001


def test_a_slow_machine_drafts_what_a_fast_one_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    configure(delivery_quality=TARGETS["good"], delivery_drafts=True, delivery_budget_ms=250)
    monkeypatch.setattr("delivery.drafts.estimated_seconds", lambda _request: 0.2)
    assert answer_to(large(), "auto") == "final"
    for _ in range(9):
        PACE.note("avif", "full", estimated=0.2, measured=0.4)
    assert answer_to(large(), "auto") == "draft"
    PACE.clear()
