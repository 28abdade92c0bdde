"""Work that nobody waits for."""

from __future__ import annotations

import queue

from delivery.later import Later
from tests.delivery.world import raiser


def test_it_is_done_in_its_order_and_an_error_ends_nothing() -> None:
    later, done = Later("test"), queue.SimpleQueue[int]()
    for number in range(3):
        later.do(lambda number=number: done.put(number))  # type: ignore[misc]
        later.do(raiser("it"))
    assert [done.get(timeout=30) for _ in range(3)] == [0, 1, 2]


def test_with_nothing_to_do_its_thread_ends_and_begins_again() -> None:
    later, done = Later("test"), queue.SimpleQueue[int]()
    for number in range(2):
        later.do(lambda number=number: done.put(number))  # type: ignore[misc]
        thread = later._thread
        assert done.get(timeout=30) == number
        if thread is not None:
            thread.join(30)
        assert later._thread is None
