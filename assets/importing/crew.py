"""Workers in threads, each of which takes the next picture when it is done with one."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterable
from queue import SimpleQueue
from typing import TypeVar

from django.db import connections

Thing = TypeVar("Thing")
Result = TypeVar("Result")


def each(things: Iterable[Thing], work: Callable[[Thing], Result], workers: int) -> Generator[Result]:
    """This will give what `work` gives, as it comes. Whoever stops listening waits for those that are under way."""
    if workers == 1:
        yield from map(work, things)
        return
    remaining, lock, stop = iter(things), threading.Lock(), threading.Event()
    results: SimpleQueue[Result | _End] = SimpleQueue()

    def labour() -> None:
        error: BaseException | None = None
        try:
            while not stop.is_set():
                with lock:
                    thing = next(remaining)
                results.put(work(thing))
        except StopIteration:
            pass
        except BaseException as caught:
            error = caught
            stop.set()
        finally:
            connections.close_all()  # each thread has its own
            results.put(_End(error))

    threads = [threading.Thread(target=labour, name=f"import-{number}") for number in range(workers)]
    for thread in threads:
        thread.start()
    try:
        for _ in threads:
            while not isinstance(result := results.get(), _End):
                yield result
            if result.error is not None:
                raise result.error
    finally:
        stop.set()
        for thread in threads:
            thread.join()


class _End:
    def __init__(self, error: BaseException | None) -> None:
        self.error = error
