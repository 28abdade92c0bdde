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
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar, TypeVarTuple

from pipeline import child
from pipeline.admission import BASE_MB, Admission, Weight
from pipeline.errors import Busy, RenderFailed, RenderTimeout
from pipeline.limits import Limits
from pipeline.render import RenderRequest
from pipeline.rendition import Rendition
from pipeline.slot import ChildLost, ChildUnfit, Slot
from pipeline.source import SourceInfo

logger = logging.getLogger("imgopt.pool")

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
        self, source: bytes | str | Path, request: RenderRequest, *, weight: Weight, label: str = "-"
    ) -> Rendition:
        """This will render a source, given as bytes or as the path of a file.

        `label` is what the render log calls it. Raises what `pipeline.render.render` raises, and `RenderFailed`,
        `RenderTimeout` or `Busy`.
        """
        return self._run(weight.megabytes, child.render_task, _plain(source), request, self.config.render_log, label)

    def inspect(self, source: bytes | str | Path) -> SourceInfo:
        """This will decode a source completely and strictly, and say what it is.

        Its header goes first, for that says how much the rest will weigh.
        """
        limits = self.config.limits
        header = self.run(child.header_task, _plain(source), limits)
        return self._run(Weight.of(header).megabytes, child.inspect_task, _plain(source), limits)

    def run(self, function: Callable[[*Ts], T], *args: *Ts) -> T:
        """This will run any function that a child can import."""
        return self._run(BASE_MB, function, *args)

    def ping(self) -> None:
        """This will raise unless the pool can work.

        It waits for no render (children that are busy are well), but for the start of a child if there is none.
        """
        self._start()
        try:
            slot = self._idle.get_nowait()
        except queue.Empty:
            return
        self._ask(slot, os.getpid)

    def stop(self) -> None:
        """This will kill all children and turn everybody away, within milliseconds; it may be called again."""
        with self._lock:
            self._stopped = True
        self._admission.close()
        for slot in self._slots:
            slot.stop()

    def _run(self, megabytes: float, function: Callable[[*Ts], T], *args: *Ts) -> T:
        self._start()
        with self._admission.enter(megabytes):
            # No more tasks are admitted than there are slots: one is free, or will be when a `ping` ends.
            return self._ask(self._idle.get(), function, *args)

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

    def _ask(self, slot: Slot, function: Callable[[*Ts], T], *args: *Ts) -> T:
        self._count(tasks=1)
        try:
            reply = slot.ask(child.Task(function, args))
        except TimeoutError as error:
            self._count(timeouts=1)
            limit = self.config.timeout_seconds
            raise RenderTimeout(f"Expected a render to take at most {limit:g} seconds, and it took longer.") from error
        except ChildUnfit as error:
            self._refusal = f"The render pool refuses to work until it is restarted. {error}"
            raise RenderFailed(self._refusal) from error
        except ChildLost as error:
            self._refuse_when_unfit()  # killed by `stop`
            self._count(crashes=1)
            logger.warning("render child lost", extra={"reason": str(error)})
            raise RenderFailed("Expected a picture that can be rendered, and its render process died.") from error
        finally:
            self._idle.put(slot)
        if reply.error is not None:
            if reply.detail:
                logger.warning("render failed", extra={"detail": reply.detail})
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
