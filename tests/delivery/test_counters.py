"""What is counted: hits in plain integers, everything else at once, and labels that take few values."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator

import pytest

from delivery import counters
from delivery.counters import HIT_TALLY, REGISTRY, HitTally, route_of
from delivery.edge import Edge
from delivery.hits import HitIndex
from delivery.tiers.memory import MemoryTier
from tests.delivery.figures import Figures
from tests.delivery.known import PICTURE, App, ask, known
from tests.delivery.world import at_once, call

Grown = Callable[..., float]


@pytest.fixture
def grown() -> Grown:
    return Figures().grown


@pytest.fixture
def edge() -> Iterator[Edge]:
    hits, memory = HitIndex(), MemoryTier(1_000_000)
    known(hits, memory)
    yield Edge(App(), memory, places=1, hits=hits)
    HIT_TALLY.take()


def test_hits_are_counted_with_their_bytes(edge: Edge, grown: Grown) -> None:
    for _ in range(3):
        ask(edge)
    assert grown("imgopt_variant_answers_total", tier="memory") == 3
    assert grown("imgopt_requests_total", route="image", status="2xx") == 3
    assert grown("imgopt_variant_sent_bytes_total") == 3 * len(PICTURE.body)


def test_a_head_and_a_304_are_answers_without_bytes(edge: Edge, grown: Grown) -> None:
    ask(edge, method="HEAD")
    ask(edge, HTTP_IF_NONE_MATCH=PICTURE.etag)
    assert grown("imgopt_variant_answers_total", tier="memory") == 1
    assert grown("imgopt_variant_answers_total", tier="304") == 1
    assert grown("imgopt_requests_total", route="image", status="3xx") == 1
    assert grown("imgopt_variant_sent_bytes_total") == 0


def test_no_hit_is_lost_among_threads() -> None:
    tally = HitTally()
    interval = sys.getswitchinterval()

    def work() -> None:
        for _ in range(2_000):
            tally.add(10, 3)

    sys.setswitchinterval(1e-6)  # so that threads change within an addition that is not guarded
    try:
        at_once(8, work)
    finally:
        sys.setswitchinterval(interval)
    assert tally.take() == (16_000, 0, 160_000, 48_000)
    assert tally.take() == (0, 0, 0, 0)


@pytest.mark.parametrize(("sent", "master", "saved"), [(40, 100, 60), (100, 100, 0), (140, 100, 0), (0, 100, 0)])
def test_what_is_saved_is_never_less_than_nothing(sent: int, master: int, saved: int, grown: Grown) -> None:
    """A counter must not fall; and an answer without a body (304, HEAD) does not save the whole master."""
    counters.delivered("render", sent_bytes=sent, master_bytes=master)
    assert grown("imgopt_variant_saved_bytes_total") == saved
    assert grown("imgopt_variant_sent_bytes_total") == sent


@pytest.mark.parametrize(
    ("path", "route"),
    [
        ("/i/shoe", "image"),
        ("/api/v1/images", "api"),
        ("/api/docs/", "api"),
        ("/image/shoe", "api"),
        ("/admin/", "admin"),
        ("/healthz", "health"),
        ("/readyz", "health"),
        ("/metrics", "metrics"),
        ("/", "other"),
        ("", "other"),
        ("/images", "other"),
        ("/wp-login.php", "other"),
        ("/../../i/x", "other"),
    ],
)
def test_every_address_has_one_of_few_kinds(path: str, route: str) -> None:
    assert route_of(path) == route
    assert route in counters.ROUTES


def test_renders_are_timed_by_the_phases_that_are_known(grown: Grown) -> None:
    counters.rendered("avif", {"decode": 0.2, "encode": 1.0, "total": 1.3, "invented": 9.0}, passthrough=False)
    counters.rendered("avif", {"total": 0.001}, passthrough=True)
    assert grown("imgopt_renders_total", format="avif", outcome="rendered") == 1
    assert grown("imgopt_renders_total", format="avif", outcome="passthrough") == 1
    assert grown("imgopt_render_seconds_count", format="avif", phase="total") == 2
    assert grown("imgopt_render_seconds_sum", format="avif", phase="encode") == pytest.approx(1.0)
    phases = {
        sample.labels["phase"] for metric in REGISTRY.collect() for sample in metric.samples if "phase" in sample.labels
    }
    assert phases <= set(counters.PHASES)


def test_a_request_that_finds_no_place_is_counted(grown: Grown) -> None:
    edge = Edge(App(), MemoryTier(0), places=1, hits=HitIndex())
    edge._places.acquire()
    assert call(edge, "/api/v1/images").status == 503
    assert grown("imgopt_refusals_total", code="busy") == 1
    assert grown("imgopt_requests_total", route="api", status="5xx") == 1


def test_healthz_is_counted(edge: Edge, grown: Grown) -> None:
    call(edge, "/healthz")
    assert grown("imgopt_requests_total", route="health", status="2xx") == 1
