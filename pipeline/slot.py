"""One place of the render pool: a child process, the socket to it, and its replacement when it is lost."""

from __future__ import annotations

import logging
import os
import socket
import struct
import subprocess
import sys
import threading
from multiprocessing.connection import Connection
from pathlib import Path

from pipeline.child import Reply, Task
from pipeline.errors import ImgoptError

logger = logging.getLogger("imgopt.pool")

START_TIMEOUT_SECONDS = 30.0
KILL_TIMEOUT_SECONDS = 5.0

PROGRAM = "import sys; from pipeline.child import main; main(int(sys.argv[1]), int(sys.argv[2]))"

INHERITED = ("PATH", "HOME", "TMPDIR", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "LD_LIBRARY_PATH", "LD_PRELOAD")
"""What a child sees of the server's environment: not its secrets, for the child is the one that reads hostile bytes."""

CHILD_ENVIRONMENT = {
    "VIPS_CONCURRENCY": "1",  # one render, one core: the pool is what runs in parallel
    "VIPS_BLOCK_UNTRUSTED": "1",
    "MALLOC_ARENA_MAX": "2",  # 125 MB against 206 MB on one load
    "OPENBLAS_NUM_THREADS": "1",
}


class ChildUnfit(Exception):
    """A child came up and said that it must not be used; every further one would say the same."""

    def __init__(self, reason: ImgoptError) -> None:
        super().__init__(reason.message)
        self.reason = reason


class ChildLost(Exception):
    """A child ended, or broke off its answer, while it was asked something."""


class Slot:
    """Asks one child at a time and starts another in its place when it is lost.

    Only the holder of a slot may call `ask`; `stop` may be called by anybody at any moment.
    """

    def __init__(self, timeout_seconds: float) -> None:
        self.restarts = 0
        self._timeout_seconds = timeout_seconds
        self._lock = threading.Lock()
        self._stopped = False
        self._child: _Child | None = None

    @property
    def pid(self) -> int | None:
        child = self._child
        return None if child is None else child.pid

    def start(self) -> None:
        """This will start a child without waiting for it."""
        with self._lock:
            if self._child is None and not self._stopped:
                self._child = _Child(self._timeout_seconds)

    def ask(self, task: Task, timeout_seconds: float) -> Reply:
        """This will have the child do a task, waiting at most so long for each part of the exchange.

        Raises `TimeoutError`, `ChildLost` or `ChildUnfit`; the child that was asked is dead then.
        """
        child = self._live_child()
        try:
            child.wait_until_ready()
            reply = child.ask(task, timeout_seconds)
        except BaseException as error:
            self._replace(child, with_another=not isinstance(error, ChildUnfit))
            raise
        if reply.retire:
            self._replace(child)
        return reply

    def stop(self) -> None:
        with self._lock:
            self._stopped = True
            child, self._child = self._child, None
        if child is not None:
            child.kill()

    def _live_child(self) -> _Child:
        child = self._child
        if child is not None and child.has_ended():  # killed from outside while idle: no task's fault
            self._replace(child)
        self.start()
        child = self._child
        if child is None:
            raise ChildLost("the pool is stopped")
        return child

    def _replace(self, child: _Child, *, with_another: bool = True) -> None:
        child.kill()
        with self._lock:
            if self._child is child:
                self._child = None
        if with_another:
            self.restarts += 1
            self.start()


class _Child:
    """A process that was just started; it says when it is ready.

    Its connection is closed when nobody refers to it any more, not by `kill`: another thread may be reading from it.
    """

    def __init__(self, timeout_seconds: float) -> None:
        self._timeout_seconds = timeout_seconds
        self._ready = False
        self._killing = threading.Lock()
        ours, theirs = socket.socketpair()
        _limit_transfers(ours.fileno(), timeout_seconds)
        self._connection = Connection(ours.detach())
        # The kernel kills the child when the write end is gone, that is when this process is (`child.die_with`).
        read_end, self._lifeline = os.pipe()
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-c", PROGRAM, str(theirs.fileno()), str(read_end)],
                pass_fds=(theirs.fileno(), read_end),
                stdin=subprocess.DEVNULL,
                env=_environment(),
                start_new_session=True,  # Ctrl-C in a terminal is the server's business
            )
        except BaseException:
            os.close(self._lifeline)
            raise
        finally:
            theirs.close()
            os.close(read_end)

    @property
    def pid(self) -> int:
        return self._process.pid

    def has_ended(self) -> bool:
        return self._process.poll() is not None

    def wait_until_ready(self) -> None:
        if self._ready:
            return
        if not self._connection.poll(START_TIMEOUT_SECONDS):
            raise ChildLost(f"no sign of life within {START_TIMEOUT_SECONDS:g} seconds of its start")
        reply = self._receive()
        if reply.error is not None:
            logger.error("render child is unfit", extra={"reason": reply.error.message, "detail": reply.detail})
            raise ChildUnfit(reply.error)
        self._ready = True

    def ask(self, task: Task, timeout_seconds: float) -> Reply:
        if timeout_seconds != self._timeout_seconds:
            self._timeout_seconds = timeout_seconds
            _limit_transfers(self._connection.fileno(), timeout_seconds)
        try:
            self._connection.send(task)
        except BlockingIOError as error:
            raise TimeoutError from error
        except OSError as error:
            raise ChildLost(f"pid {self.pid} took no task") from error
        return self._receive()

    def kill(self) -> None:
        """This will end the process, however busy; it may be called again."""
        with self._killing:
            self._process.kill()
            try:
                self._process.wait(KILL_TIMEOUT_SECONDS)
            except subprocess.TimeoutExpired:
                logger.exception("render child does not die", extra={"pid": self.pid})
            if self._lifeline >= 0:
                os.close(self._lifeline)
                self._lifeline = -1

    def _receive(self) -> Reply:
        """The kernel keeps the time limit (`_limit_transfers`): asking it first costs a selector a task."""
        try:
            reply = self._connection.recv()
        except BlockingIOError as error:
            raise TimeoutError from error
        except Exception as error:
            raise ChildLost(f"pid {self.pid} broke off its answer") from error
        if not isinstance(reply, Reply):
            raise ChildLost(f"pid {self.pid} answered with {type(reply).__name__}")
        return reply


def _limit_transfers(descriptor: int, timeout_seconds: float) -> None:
    """This will keep a child that stops halfway through reading or writing from holding its asker for ever."""
    seconds = struct.pack("ll", int(timeout_seconds), int(timeout_seconds % 1 * 1e6))
    ours = socket.socket(fileno=descriptor)
    try:
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, seconds)
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, seconds)
    finally:
        ours.detach()


def _environment() -> dict[str, str]:
    inherited = {name: os.environ[name] for name in INHERITED if name in os.environ}
    paths = [str(Path(__file__).parents[1]), *(path or str(Path.cwd()) for path in sys.path)]
    return inherited | CHILD_ENVIRONMENT | {"PYTHONPATH": os.pathsep.join(paths)}
