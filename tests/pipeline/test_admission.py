"""Who may render now: order, weight, bounds."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from pipeline.admission import BASE_MB, HELD_MEGABYTES, Admission, Weight
from pipeline.errors import Busy
from pipeline.limits import Limits
from pipeline.request import RenderRequest
from pipeline.source import SourceInfo
from pipeline.spec import TransformSpec

PATIENT = 60.0


def make(*, places: int = 2, budget_mb: float = 100, queue_limit: int = 10, wait_seconds: float = PATIENT) -> Admission:
    return Admission(places=places, budget_mb=budget_mb, queue_limit=queue_limit, wait_seconds=wait_seconds)


class Visitor:
    """A thread that enters, says so, and stays until it is told to leave."""

    def __init__(self, admission: Admission, megabytes: float, order: list[str], name: str) -> None:
        self.inside = threading.Event()
        self.error: Busy | None = None
        self._leave = threading.Event()
        self._thread = threading.Thread(target=self._visit, args=(admission, megabytes, order, name))
        self._thread.start()

    def _visit(self, admission: Admission, megabytes: float, order: list[str], name: str) -> None:
        try:
            with admission.enter(megabytes):
                order.append(name)
                self.inside.set()
                self._leave.wait(PATIENT)
        except Busy as error:
            self.error = error

    def leave(self) -> None:
        self._leave.set()
        self._thread.join(PATIENT)


class Street:
    """Visitors in their order of arrival."""

    def __init__(self, admission: Admission) -> None:
        self.admission = admission
        self.order: list[str] = []
        self.visitors: list[Visitor] = []

    def comes_in(self, name: str, megabytes: float = 10) -> Visitor:
        visitor = self._comes(name, megabytes)
        assert visitor.inside.wait(PATIENT)
        return visitor

    def queues(self, name: str, megabytes: float = 10) -> Visitor:
        before = self.admission.waiting
        visitor = self._comes(name, megabytes)
        until(lambda: self.admission.waiting == before + 1)
        return visitor

    def _comes(self, name: str, megabytes: float) -> Visitor:
        visitor = Visitor(self.admission, megabytes, self.order, name)
        self.visitors.append(visitor)
        return visitor

    def empty(self) -> None:
        for visitor in self.visitors:
            visitor.leave()


def until(happened: Callable[[], bool]) -> None:
    """This will let other threads run until something has happened there."""
    while not happened():
        threading.Event().wait(0.001)


def test_admits_as_many_as_there_are_places():
    street = Street(make(places=2))
    first = street.comes_in("first")
    street.comes_in("second")
    third = street.queues("third")
    assert not third.inside.is_set()
    first.leave()
    assert third.inside.wait(PATIENT)
    street.empty()


def test_admits_no_more_megabytes_than_the_budget():
    street = Street(make(places=3, budget_mb=100))
    first = street.comes_in("first", 60)
    second = street.queues("second", 50)
    first.leave()
    assert second.inside.wait(PATIENT)
    street.empty()


def test_admits_a_weight_beyond_the_budget_when_nothing_else_runs():
    street = Street(make(places=2, budget_mb=100))
    light = street.comes_in("light", 1)
    heavy = street.queues("heavy", 5000)
    light.leave()
    assert heavy.inside.wait(PATIENT)
    behind = street.queues("behind", 1)
    assert not behind.inside.is_set()
    street.empty()
    assert street.order == ["light", "heavy", "behind"]


def test_serves_in_order_so_that_a_heavy_one_is_not_overtaken():
    street = Street(make(places=2, budget_mb=100))
    first = street.comes_in("first", 60)
    heavy = street.queues("heavy", 100)
    light = street.queues("light", 1)
    assert not light.inside.is_set()
    first.leave()
    assert heavy.inside.wait(PATIENT)
    street.empty()
    assert street.order[:2] == ["first", "heavy"]


def test_lets_those_behind_pass_when_a_heavy_head_gives_up(monkeypatch: pytest.MonkeyPatch):
    admission = make(places=2, budget_mb=100, wait_seconds=1)
    street = Street(admission)
    street.comes_in("first", 60)
    head = street.queues("head", 90)
    monkeypatch.setattr(admission, "_wait_seconds", PATIENT)
    light = street.queues("light", 1)
    assert light.inside.wait(PATIENT / 2)
    assert head.error is not None
    street.empty()
    assert street.order == ["first", "light"]


def test_turns_the_next_one_away_at_once_when_the_queue_is_full():
    street = Street(make(places=1, queue_limit=1))
    street.comes_in("first")
    street.queues("second")
    with pytest.raises(Busy, match="at most 1 renders"), street.admission.enter(10):
        pytest.fail("was admitted")
    street.empty()


def test_turns_away_who_has_waited_too_long():
    street = Street(make(places=1, wait_seconds=0.01))
    street.comes_in("first")
    with pytest.raises(Busy, match=r"within 0\.01 seconds"), street.admission.enter(10):
        pytest.fail("was admitted")
    assert street.admission.waiting == 0
    street.empty()


def test_turns_everybody_away_once_closed():
    street = Street(make(places=1))
    first = street.comes_in("first")
    second = street.queues("second")
    street.admission.close()
    until(lambda: second.error is not None)
    with pytest.raises(Busy, match="stopping"), street.admission.enter(10):
        pytest.fail("was admitted")
    first.leave()
    street.empty()
    assert street.order == ["first"]


def test_gives_the_place_back_when_the_work_raises():
    admission = make(places=1)
    with pytest.raises(ZeroDivisionError), admission.enter(10):
        raise ZeroDivisionError
    assert admission.running == 0
    with admission.enter(100):
        assert admission.running == 1


def test_never_holds_more_than_places_and_budget_under_many_threads():
    admission = make(places=3, budget_mb=100, queue_limit=1000)
    lock = threading.Lock()
    inside: list[float] = []
    most: list[tuple[int, float]] = []

    def work(weight: float) -> None:
        for _ in range(50):
            with admission.enter(weight):
                with lock:
                    inside.append(weight)
                    most.append((len(inside), sum(inside)))
                with lock:
                    inside.remove(weight)

    threads = [threading.Thread(target=work, args=(weight,)) for weight in (5, 20, 40, 60, 90, 30, 10, 70)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(most) == 400
    assert max(count for count, _ in most) <= 3
    assert max(total for _, total in most) <= 100
    assert (admission.running, admission.waiting) == (0, 0)


@pytest.mark.parametrize(
    "light, heavy",
    [
        (
            Weight(format="jpeg", width=6000, height=4000),
            Weight(format="jpeg", width=6000, height=4000, interlaced=True),
        ),
        (
            Weight(format="jpeg", width=6000, height=4000, interlaced=True),
            Weight(format="avif", width=6000, height=4000),
        ),
        (Weight(format="gif", width=6000, height=4000), Weight(format="avif", width=6000, height=4000)),
        (Weight(format="avif", width=4000, height=3000), Weight(format="avif", width=6000, height=4000)),
    ],
)
def test_weighs_what_costs_more_to_decode_more(light: Weight, heavy: Weight):
    assert BASE_MB < light.megabytes < heavy.megabytes


def test_weighs_all_pages_of_a_source():
    info = SourceInfo(format="gif", width=1000, height=500, pages=10)
    assert Weight.of(info).megapixels == 5.0


def test_many_weigh_what_one_does_and_what_is_kept_for_them():
    requests = [RenderRequest(spec=TransformSpec(width=1000), format="webp", limits=Limits())]

    def kept(weight: Weight) -> float:
        return weight.megabytes_of_many(requests, threads=1) - weight.megabytes_of(requests[0])

    assert kept(Weight(format="jpeg", width=4000, height=3000)) == pytest.approx(4 * 12)
    assert kept(Weight(format="png", width=4000, height=3000)) == pytest.approx(8 * 12)
    assert kept(Weight(format="jpeg", width=10000, height=10000)) == pytest.approx(HELD_MEGABYTES)
