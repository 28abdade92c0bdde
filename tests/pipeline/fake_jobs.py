"""What a render child is asked to do in the tests of the pool: small, and mostly bad."""

from __future__ import annotations

import os
import resource
import signal
import struct
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pipeline import child
from pipeline.errors import DamagedImage
from pipeline.limits import Limits

MORE_THAN_A_PIPE_HOLDS = 1_000_000


def add(a: int, b: int) -> int:
    return a + b


def pid() -> int:
    return os.getpid()


def hang() -> None:
    threading.Event().wait()


def say_and_hang(path: str) -> None:
    """This will tell its process id to whoever opens the named pipe."""
    Path(path).write_text(str(os.getpid()))
    threading.Event().wait()


def say_and_add(path: str, a: int, b: int) -> int:
    """This will tell its process id to whoever opens the named pipe, and go on when the pipe has been emptied."""
    with Path(path).open("w") as said:
        said.write(f"{os.getpid()}\n" + "." * MORE_THAN_A_PIPE_HOLDS)
    return a + b


def hang_without_the_interpreter(path: str) -> None:
    """As a decoder does that never returns: no thread of Python's gets a turn."""
    sys.setswitchinterval(1e6)
    Path(path).write_text(str(os.getpid()))
    while True:
        pass


def abort() -> None:
    os.abort()


def exit_quietly() -> None:
    os._exit(0)


def kill_itself() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def break_off_its_answer() -> None:
    _answer_in_part()
    os._exit(0)


def stop_in_its_answer() -> None:
    _answer_in_part()
    os.kill(os.getpid(), signal.SIGSTOP)


def _answer_in_part() -> None:
    """This will announce a message of a thousand bytes on the child's own socket, and send three."""
    os.write(int(sys.argv[1]), struct.pack("!i", 1000) + b"abc")


def eat_memory() -> int:
    child.set_address_space(400)
    return len(b"x" * 2_000_000_000)


def refuse() -> None:
    raise DamagedImage("Expected a whole picture, received half of one.")


def stumble() -> None:
    raise ZeroDivisionError("a private detail")


def answer_unpicklably() -> object:
    return lambda: None


def limits() -> dict[str, int]:
    return {"core": resource.getrlimit(resource.RLIMIT_CORE)[0], "files": resource.getrlimit(resource.RLIMIT_NOFILE)[0]}


def environment() -> dict[str, str]:
    return dict(os.environ)


def modules() -> list[str]:
    return sorted(sys.modules)


def load_matrix() -> float:
    """This will open a picture with a loader that nobody allowed; it must raise."""
    import pyvips

    value: float = pyvips.Image.matrixload_source(pyvips.Source.new_from_memory(b"2 2\n1 2\n3 4\n")).avg()
    return value


def address_space_for(head: bytes, bounds: Limits) -> int:
    child.bound_by_format(head, bounds)
    return resource.getrlimit(resource.RLIMIT_AS)[0]


def address_space() -> int:
    return resource.getrlimit(resource.RLIMIT_AS)[0]


def say_and_answer(path: str, *rest: object) -> list[str]:
    """In the place of `child.render_many_task`."""
    with Path(path).open("w") as said:
        said.write("." * MORE_THAN_A_PIPE_HOLDS)
    return ["done"]


def stumble_over_gif() -> None:
    _at_gif(stumble)


def abort_at_gif() -> None:
    _at_gif(abort)


def eat_at_gif() -> None:
    def eat() -> None:
        raise MemoryError

    _at_gif(eat)


def _at_gif(job: Callable[[], None]) -> None:
    """This will do something bad in this process whenever a GIF is to be written."""
    from pipeline import many
    from pipeline.production import written as real

    def written(source: Any, image: Any, order: Any, *rest: Any, **options: Any) -> Any:
        if order.request.format == "gif":
            job()
        return real(source, image, order, *rest, **options)

    vars(many)["written"] = written
