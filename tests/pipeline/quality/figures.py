"""When two measurements are one: sums of floats depend on where in memory their arrays lie, in the eighth digit."""

from __future__ import annotations

from dataclasses import asdict

import pytest

from pipeline.quality.scores import Scores


def same_figures(one: Scores | None, other: Scores | None) -> bool:
    """Two, not none, that agree to 1e-6."""
    assert one is not None
    assert other is not None
    assert dict(one.also) == {name: pytest.approx(figures, abs=1e-4) for name, figures in other.also.items()}
    plain, expected = ({name: value for name, value in asdict(each).items() if name != "also"} for each in (one, other))
    assert plain == pytest.approx(expected, abs=1e-6)
    return True
