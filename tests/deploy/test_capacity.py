"""The capacity model: simulation and formula agree, and what a plan says follows from what it was given."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from deploy.capacity import Load, expected_hits, grouped, main, plan, simulated_hits, zipf


@pytest.mark.parametrize("alpha", [0.6, 0.8, 1.0, 1.2])
@pytest.mark.parametrize("share", [0.01, 0.1, 0.3])
def test_simulation_and_formula_agree(alpha: float, share: float) -> None:
    shares = zipf(5_000, alpha)
    places = int(5_000 * share)
    assert simulated_hits(shares, places, 200_000) == pytest.approx(expected_hits(shares, places), abs=0.01)


def test_where_all_are_wanted_alike_a_cache_has_its_share() -> None:
    """The closed form for alpha = 0."""
    even = zipf(1_000, 0)
    assert expected_hits(even, 250) == pytest.approx(0.25, abs=1e-6)
    assert simulated_hits(even, 250, 200_000) == pytest.approx(0.25, abs=0.01)


def test_the_law_is_zipf_s() -> None:
    shares = zipf(1_000, 1)
    assert shares.sum() == pytest.approx(1)
    assert shares[0] / shares[9] == pytest.approx(10)
    assert shares[0] == pytest.approx(1 / sum(1 / rank for rank in range(1, 1_001)))


@pytest.mark.parametrize("alpha", [0.7, 1.0, 1.2])
def test_a_long_list_may_be_taken_in_groups(alpha: float) -> None:
    shares, counts = grouped(300_000, alpha)
    assert counts.sum() == 300_000
    assert len(shares) < 20_000
    assert (shares * counts).sum() == pytest.approx(1)
    for places in (300, 30_000):
        assert expected_hits(shares, places, counts) == pytest.approx(
            expected_hits(zipf(300_000, alpha), places), abs=1e-4
        )


def test_a_cache_for_all_has_all_and_more_places_never_have_less() -> None:
    shares = zipf(500, 0.8)
    assert expected_hits(shares, 500) == 1
    found = [expected_hits(shares, places) for places in range(10, 500, 30)]
    assert found == sorted(found)
    assert all(np.diff(found) > 0)


def test_a_plan_shares_all_requests_among_the_tiers_and_the_storage() -> None:
    for load in (Load(), Load(cdn_gb=1, memory_gb=20, redis_gb=64), Load(alpha=1.1, masters=1e5)):
        needs = plan(load)
        told = (needs.cdn_share, needs.memory_share, needs.redis_share, needs.storage_share)
        assert sum(told) == pytest.approx(1)
        assert min(told) >= 0


def test_a_plan_grows_with_what_it_must_bear() -> None:
    base = Load()
    needs, twice = plan(base), plan(replace(base, requests_a_day=2e9))
    assert twice.peak_requests == 2 * needs.peak_requests
    assert twice.server_cores > needs.server_cores
    assert math.isclose(needs.peak_requests, 1e9 / 86_400 * 2.5)
    assert plan(replace(base, cdn_gb=400)).server_cores < needs.server_cores
    assert plan(replace(base, masters=2e6)).masters_tb == 2 * needs.masters_tb
    assert plan(replace(base, finals_seconds=1.6)).worker_cores == pytest.approx(2 * needs.worker_cores)


def test_names_that_are_none_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", "mastres=3"]) == 2
    assert "Expected NAME=value" in capsys.readouterr().out
    assert main(["plan", "masters=1e3", "requests_a_day=1e6"]) == 0
    assert "server_cores" in capsys.readouterr().out
