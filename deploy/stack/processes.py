"""Processes that outlive whoever started them, and are ended by what was written down of them."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 90.0
END_SECONDS = 45.0
"""Longer than a server takes for what it has begun."""
SESSION, STARTED_AT = 3, 19


class NotStarted(Exception):
    """A part of the stack is missing or did not start; the sentence says which."""


class Processes:
    """The processes of one folder: `NAME.pid` has the number and the time of start, `log/NAME.log` their words."""

    def __init__(self, folder: Path) -> None:
        self._pids = folder / "pids"
        self._logs = folder / "log"
        for each in (self._pids, self._logs):
            each.mkdir(parents=True, exist_ok=True)
        self._children: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str, command: Sequence[str], environment: Mapping[str, str] | None = None) -> int:
        """This will start one in a session of its own, so that a Ctrl-C here does not reach it."""
        with self.log(name).open("ab") as log:
            process = subprocess.Popen(
                command,
                cwd=ROOT,
                env=dict(os.environ if environment is None else environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._children[name] = process
        (self._pids / f"{name}.pid").write_text(f"{process.pid} {_started_at(process.pid)}")
        return process.pid

    def log(self, name: str) -> Path:
        return self._logs / f"{name}.log"

    def names(self) -> list[str]:
        return sorted(file.stem for file in self._pids.glob("*.pid"))

    def pid(self, name: str) -> int | None:
        """This will give the number of a process that lives and is the one that was started."""
        try:
            number, started_at = (self._pids / f"{name}.pid").read_text().split()
        except (OSError, ValueError):
            return None
        return int(number) if _started_at(int(number)) == started_at else None

    def tell_to_end(self, name: str, signum: signal.Signals = signal.SIGTERM) -> None:
        pid = self.pid(name)
        if pid is not None:
            with suppress(ProcessLookupError):
                os.kill(pid, signum)

    def wait_for_end(self, name: str, seconds: float = END_SECONDS) -> None:
        """This will kill what is left after that time, and what has outlived it: a server that was killed leaves
        Granian behind."""
        give_up_at = time.monotonic() + seconds
        while (pid := self.pid(name)) is not None:
            if time.monotonic() > give_up_at:
                with suppress(ProcessLookupError):
                    os.killpg(pid, signal.SIGKILL)
            time.sleep(0.02)
        if child := self._children.pop(name, None):
            child.wait()
        for rest in self._orphans(name):
            with suppress(ProcessLookupError):
                os.kill(rest, signal.SIGKILL)
        (self._pids / f"{name}.pid").unlink(missing_ok=True)

    def _orphans(self, name: str) -> list[int]:
        """Of its session. While one of them lives, the number is nobody else's; so where somebody has it, none does."""
        try:
            number, started_at = (self._pids / f"{name}.pid").read_text().split()
        except (OSError, ValueError):
            return []
        if not started_at or _started_at(int(number)):
            return []
        members = (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal())
        return [pid for pid in members if _fields(pid)[SESSION:][:1] == [number]]

    def end(self, name: str) -> None:
        self.tell_to_end(name)
        self.wait_for_end(name)

    def wait_until(self, name: str, is_so: Callable[[], bool], seconds: float = START_SECONDS) -> None:
        """This will wait for a process to be of use; `NotStarted` with its last words if it ends before."""
        give_up_at = time.monotonic() + seconds
        while not is_so():
            if self.pid(name) is None or time.monotonic() > give_up_at:
                words = self.log(name).read_text(errors="replace")[-1500:]
                raise NotStarted(f"{name} did not start; {self.log(name)} ends with:\n{words}")
            time.sleep(0.05)


def answers(port: int) -> bool:
    """Whether something takes connections there."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def free_port() -> int:
    return free_ports(1)[0]


def free_ports(number: int) -> list[int]:
    """This will give so many, each another one."""
    with ExitStack() as held:
        probes = [held.enter_context(socket.socket()) for _ in range(number)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]


def _started_at(pid: int) -> str:
    """In ticks since the machine was started; empty for one that is gone, or only waits to be taken note of."""
    fields = _fields(pid)
    return fields[STARTED_AT] if fields else ""


def _fields(pid: int) -> list[str]:
    """Of proc(5)'s `stat`, from the state on; none of one that is gone or dead."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []
    return [] if fields[0] in "ZX" else fields
