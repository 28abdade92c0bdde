"""The render pool: killable child processes behind a bounded, weighted queue.

Why processes, and why killed, is in DESIGN.md: a crafted GIF makes libvips abort its whole process, and nothing but
killing the process stops a running decode.

Each child has a socket of its own. With the pebble library's one channel for all workers, a child killed while its
answer was half written left every later task without one: each ran into its time limit, for ever. A child that died
while reading its task broke the pool. See `docs/decisions/render-pool.md`.
"""

from __future__ import annotations

import logging
import os
import queue
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar, TypeVarTuple

from pipeline import child
from pipeline.admission import BASE_MB, Admission, Weight
from pipeline.errors import Busy, ChildDied, ImgoptError, RenderFailed, RenderTimeout
from pipeline.limits import Limits
from pipeline.render import RenderRequest
from pipeline.rendition import Measured, Rendition
from pipeline.slot import ChildLost, ChildUnfit, Slot
from pipeline.source import SourceInfo
from pipeline.spec import Format

logger = logging.getLogger("imgopt.pool")

MOST_LIMITS = 10
"""Many renditions in one task have at most that many times the limit of one: a child that hangs is lost for as long."""
THREADS_OF_MANY = 2
"""They are written by that many threads, or as many as there are children. They take one place all the same: counted
as two, a ladder would make a page's own renders wait for seconds where now they share the cores with it."""

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolConfig:
    processes: int = 2
    timeout_seconds: float = 20.0
    """Wall-clock time of one task, waiting not counted."""
    queue_limit: int = 64
    """How many tasks may wait; the next one is told `Busy` at once."""
    wait_seconds: float = 20.0
    """How long a task may wait before it is told `Busy`."""
    memory_budget_mb: float = 1024.0
    limits: Limits = field(default_factory=Limits)
    render_log: str | None = None
    """A file that gets one line `label pid` a render; tests and benchmarks count renders by it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolCounters:
    tasks: int = 0
    crashes: int = 0
    timeouts: int = 0
    restarts: int = 0
    """Children started in the place of another."""


class RenderPool:
    """Runs renders in child processes; every method may be called from many threads at once.

    Children are started at the first task, or by `ping`. They end by `stop` and with this process, however it ends.
    """

    def __init__(self, config: PoolConfig) -> None:
        self.config = config
        self._admission = Admission(
            places=config.processes,
            budget_mb=config.memory_budget_mb,
            queue_limit=config.queue_limit,
            wait_seconds=config.wait_seconds,
        )
        self._slots = tuple(Slot(config.timeout_seconds) for _ in range(config.processes))
        self._idle: queue.LifoQueue[Slot] = queue.LifoQueue()
        for slot in self._slots:
            self._idle.put(slot)
        self._lock = threading.Lock()
        self._started = False
        self._stopped = False
        self._refusal: str | None = None
        self._counters = PoolCounters()

    @property
    def counters(self) -> PoolCounters:
        return replace(self._counters, restarts=sum(slot.restarts for slot in self._slots))

    @property
    def running(self) -> int:
        return self._admission.running

    @property
    def waiting(self) -> int:
        return self._admission.waiting

    @property
    def pids(self) -> tuple[int, ...]:
        return tuple(slot.pid for slot in self._slots if slot.pid is not None)

    def render(
        self,
        source: bytes | str | Path,
        request: RenderRequest,
        *,
        weight: Weight,
        label: str = "-",
        timeout_seconds: float | None = None,
        measure: bool = False,
    ) -> Rendition:
        """This will render a source, given as bytes or as the path of a file.

        `weight` is the source's, and what is made of it is added here; `label` is what the render log calls it. Raises
        what `pipeline.render.render` raises, and `RenderFailed`, `RenderTimeout` or `Busy`.
        """
        log = self.config.render_log
        megabytes = weight.megabytes_of(request, measure=measure)
        return self._run(megabytes, timeout_seconds, child.render_task, _plain(source), request, measure, log, label)

    def measure(
        self, source: bytes | str | Path, request: RenderRequest, body: bytes, file_format: Format, *, weight: Weight
    ) -> Measured:
        """This will compare a file that was made of a source with what was asked for; see `pipeline.remeasure`.

        It raises what `render` raises.
        """
        megabytes = weight.megabytes_of(request, measure=True)
        return self._run(megabytes, None, child.measure_task, _plain(source), request, body, file_format)

    def render_many(
        self,
        source: bytes | str | Path,
        requests: Sequence[RenderRequest],
        *,
        weight: Weight,
        label: str = "-",
        timeout_seconds: float | None = None,
        measure: bool = False,
    ) -> list[Rendition | ImgoptError]:
        """This will make many renditions of one source in one child, decoding it once; see `pipeline.many`.

        What is wrong with one request is an error in its place. What ends them all is raised: `RenderFailed` where the
        child died, `RenderTimeout`, `Busy`. Without a time limit they have that of one render each, at most
        `MOST_LIMITS` of them. With `measure` each rendition has its scores.
        """
        if not requests:
            return []
        limit = timeout_seconds or self.config.timeout_seconds * min(len(requests), MOST_LIMITS)
        threads = min(self.config.processes, THREADS_OF_MANY)
        log = self.config.render_log
        return self._run(
            weight.megabytes_of_many(requests, threads=threads, measure=measure), limit,
            child.render_many_task, _plain(source), list(requests), measure, threads, log, label,
        )  # fmt: skip

    def inspect(self, source: bytes | str | Path) -> SourceInfo:
        """This will decode a source completely and strictly, and say what it is.

        Its header goes first, for that says how much the rest will weigh.
        """
        limits = self.config.limits
        header = self.run(child.header_task, _plain(source), limits)
        return self._run(Weight.of(header).megabytes, None, child.inspect_task, _plain(source), limits)

    def run(self, function: Callable[[*Ts], T], *args: *Ts, megabytes: float = BASE_MB) -> T:
        """This will run any function that a child can import; `megabytes` is what it is weighed by."""
        return self._run(megabytes, None, function, *args)

    def ping(self) -> None:
        """This will raise unless the pool can work.

        It waits for no render (children that are busy are well), but for the start of a child if there is none.
        """
        self._start()
        try:
            slot = self._idle.get_nowait()
        except queue.Empty:
            return
        self._ask(slot, None, os.getpid)

    def stop(self) -> None:
        """This will kill all children and turn everybody away, within milliseconds; it may be called again."""
        with self._lock:
            self._stopped = True
        self._admission.close()
        for slot in self._slots:
            slot.stop()

    def _run(self, megabytes: float, limit: float | None, function: Callable[[*Ts], T], *args: *Ts) -> T:
        self._start()
        with self._admission.enter(megabytes):
            # No more tasks are admitted than there are slots: one is free, or will be when a `ping` ends.
            return self._ask(self._idle.get(), limit, function, *args)

    def _start(self) -> None:
        with self._lock:
            self._refuse_when_unfit()
            if self._started:
                return
            self._started = True
        for slot in self._slots:
            slot.start()

    def _refuse_when_unfit(self) -> None:
        if self._refusal is not None:
            raise RenderFailed(self._refusal)
        if self._stopped:
            raise Busy("Expected a running render pool, and this one is stopped; come back in a moment.")

    def _ask(self, slot: Slot, limit: float | None, function: Callable[[*Ts], T], *args: *Ts) -> T:
        self._count(tasks=1)
        limit = limit or self.config.timeout_seconds
        try:
            reply = slot.ask(child.Task(function, args), limit)
        except TimeoutError as error:
            self._count(timeouts=1)
            raise RenderTimeout(f"Expected a render to take at most {limit:g} seconds, and it took longer.") from error
        except ChildUnfit as error:
            self._refusal = f"The render pool refuses to work until it is restarted. {error}"
            raise RenderFailed(self._refusal) from error
        except ChildLost as error:
            self._refuse_when_unfit()  # killed by `stop`
            self._count(crashes=1)
            logger.warning("render child lost", extra={"reason": str(error)})
            raise ChildDied("Expected a picture that can be rendered, and its render process died.") from error
        finally:
            self._idle.put(slot)
        if reply.detail:
            logger.warning("render failed", extra={"detail": reply.detail})
        if reply.error is not None:
            raise reply.error
        result: T = reply.value
        return result

    def _count(self, *, tasks: int = 0, crashes: int = 0, timeouts: int = 0) -> None:
        with self._lock:
            old = self._counters
            self._counters = replace(
                old, tasks=old.tasks + tasks, crashes=old.crashes + crashes, timeouts=old.timeouts + timeouts
            )


def _plain(source: bytes | str | Path) -> bytes | str:
    return str(source) if isinstance(source, Path) else source
