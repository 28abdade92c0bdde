"""As many threads as there are render processes: each waits for one, and what one does wrong is its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


class Crew:
    def __init__(self, threads: int) -> None:
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="imgopt")

    def each(self, things: Sequence[T], do: Callable[[T], R]) -> Iterator[R]:
        """This will do something to each thing and give what comes of it, in the order in which it is done."""
        for future in as_completed([self._executor.submit(do, thing) for thing in things]):
            yield future.result()

    def stop(self) -> None:
        """This will begin nothing more, and wait for what is under way."""
        self._executor.shutdown(cancel_futures=True)
