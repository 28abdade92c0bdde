"""The process that touches hostile bytes: it renders, one task after another, and may be killed at any moment.

`pipeline.pool` starts it, talks to it over one socket, and holds the other end of its lifeline.
"""

from __future__ import annotations

import fcntl
import os
import resource
import signal
import threading
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from multiprocessing.reduction import ForkingPickler
from pathlib import Path
from typing import Any

from pipeline.admission import HELD_MEGABYTES
from pipeline.colour_report import ColourReport, View
from pipeline.errors import ImgoptError, RenderFailed
from pipeline.limits import Limits
from pipeline.rendition import Measured, Rendition
from pipeline.request import RenderRequest
from pipeline.sniff import SNIFF_BYTES, sniff
from pipeline.source import SourceInfo
from pipeline.spec import Format

BASE_ADDRESS_SPACE_MB = 350
ADDRESS_SPACE_MB_PER_MEGAPIXEL = 35
OUTPUT_ADDRESS_SPACE_MB_PER_MEGAPIXEL = 60
"""AVIF with alpha maps 56 for each megapixel that it writes, more than any other."""
MAX_OPEN_FILES = 256
NICENESS = 5
"""Where renders and hits compete for a core, hits win: they need it for a tenth of a millisecond."""


@dataclass(frozen=True, slots=True)
class Task:
    function: Callable[..., Any]
    """May return a `Reply` where more is to be said than a value."""
    args: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Reply:
    """What a child says: once when it is ready, then once a task."""

    value: Any = None
    error: ImgoptError | None = None
    detail: str = ""
    """For the log only: what went wrong inside, never shown to the public."""
    retire: bool = False
    """Whether this child should not be used again."""


def main(connection_fd: int, lifeline_fd: int) -> None:
    """This will say whether the child is fit to work, then answer tasks until the parent hangs up."""
    die_with(lifeline_fd)
    connection = Connection(connection_fd)
    reply = prepare()
    connection.send(reply)
    while not reply.retire:
        try:
            data = connection.recv_bytes()
        except (EOFError, ConnectionResetError):  # reset: it left without having read that this child is ready
            return
        reply = answer(data)
        _send(connection, reply)


def die_with(lifeline_fd: int) -> None:
    """This will have the kernel kill this process as soon as the other end of the pipe is gone.

    So a server ended by `kill -9` leaves no child, not even one whose decoder hangs. `PR_SET_PDEATHSIG` would not do:
    it fires when the *thread* that started the child ends, and that is a request's thread.
    """
    if hasattr(fcntl, "F_SETSIG"):
        fcntl.fcntl(lifeline_fd, fcntl.F_SETSIG, signal.SIGKILL)
        fcntl.fcntl(lifeline_fd, fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(lifeline_fd, fcntl.F_SETFL, fcntl.fcntl(lifeline_fd, fcntl.F_GETFL) | os.O_ASYNC)
    # For other kernels than Linux, and for a parent that was gone before the lines above.
    threading.Thread(target=_exit_at_end_of, args=(lifeline_fd,), name="lifeline", daemon=True).start()


def _exit_at_end_of(lifeline_fd: int) -> None:
    os.read(lifeline_fd, 1)
    os._exit(0)


def prepare() -> Reply:
    """This will bound the process, load the pipeline, and prove that untrusted loaders are blocked."""
    try:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's business
        os.nice(NICENESS)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        _set_soft_limit(resource.RLIMIT_NOFILE, MAX_OPEN_FILES)
        from pipeline import inspect, many, remeasure, vips  # noqa: F401 (imported now, or the first task would pay)

        vips.block_untrusted()
        vips.prove_untrusted_blocked()
    except ImgoptError as error:
        return Reply(error=error, retire=True)
    except BaseException:
        failure = RenderFailed("Expected a render process to start, and it did not; the log says why.")
        return Reply(error=failure, detail=traceback.format_exc(), retire=True)
    return Reply()


def answer(data: bytes) -> Reply:
    """This will run one task; whatever it raises becomes a reply."""
    set_address_space(None)
    try:
        task = ForkingPickler.loads(data)
        value = task.function(*task.args)
        return value if isinstance(value, Reply) else Reply(value=value)
    except BaseException as error:
        set_address_space(None)  # or there may be no memory left to say so
        return _explain(error)


def _explain(error: BaseException) -> Reply:
    detail = "".join(traceback.format_exception(error))
    if is_out_of_memory(error):
        failure = RenderFailed("Expected a picture that renders within the memory limit, and this one needs more.")
        return Reply(error=failure, detail=detail, retire=True)
    if isinstance(error, RenderFailed):  # as `pipeline.many` wraps what nobody foresaw
        return Reply(error=error, detail=detail)
    if isinstance(error, ImgoptError):
        return Reply(error=error)
    return Reply(error=RenderFailed("Expected a picture that can be rendered, and this one failed."), detail=detail)


def is_out_of_memory(error: BaseException | None) -> bool:
    """This will find out whether memory ran out beneath an error; libvips says it in words only."""
    while error is not None:
        if isinstance(error, MemoryError) or "out of memory" in str(error) or "unable to malloc" in str(error):
            return True
        error = error.__cause__ or error.__context__
    return False


def _send(connection: Connection, reply: Reply) -> None:
    try:
        data = ForkingPickler.dumps(reply)
    except Exception:
        failure = RenderFailed("Expected a picture that can be rendered, and this one failed.")
        data = ForkingPickler.dumps(Reply(error=failure, detail=traceback.format_exc()))
    connection.send_bytes(data)


def set_address_space(megabytes: float | None) -> None:
    """This will bound what the process may map from now on; None lifts the bound."""
    _set_soft_limit(resource.RLIMIT_AS, resource.RLIM_INFINITY if megabytes is None else int(megabytes * 2**20))


def _set_soft_limit(which: int, wanted: int) -> None:
    hard = resource.getrlimit(which)[1]
    if hard != resource.RLIM_INFINITY and (wanted == resource.RLIM_INFINITY or wanted > hard):
        wanted = hard
    resource.setrlimit(which, (wanted, hard))


def render_task(source: bytes | str, request: Any, measure: bool, render_log: str | None, label: str) -> Rendition:
    from pipeline.render import render

    if render_log is not None:
        _append_line(render_log, f"{label} {os.getpid()}\n")
    data = _read(source)
    mark = None if request.mark is None else _read(request.mark)
    bound_by_format(data, request.limits, mark=mark, output=True)
    return render(data, replace(request, mark=mark), measure=measure)


def measure_task(source: bytes | str, request: RenderRequest, body: bytes, file_format: Format) -> Measured:
    from pipeline.remeasure import remeasure

    data = _read(source)
    mark = None if request.mark is None else _read(request.mark)
    bound_by_format(data, request.limits, mark=mark, output=True)
    return remeasure(data, replace(request, mark=mark), body, file_format)


def render_many_task(
    source: bytes | str,
    requests: Sequence[RenderRequest],
    measure: bool,
    threads: int,
    render_log: str | None,
    label: str,
) -> Any:
    """This will answer a list with a rendition or an error for each request."""
    from pipeline.many import produce_each

    if render_log is not None:
        _append_line(render_log, f"{label} {os.getpid()}\n" * len(requests))
    data = _read(source)
    marks = {request.mark: _read(request.mark) for request in requests if request.mark is not None}
    requests = [replace(request, mark=marks[request.mark]) if request.mark else request for request in requests]
    try:
        needed = max(_address_space_mb(data, each.limits, each.mark, output=True) for each in requests)
    except ImgoptError as error:
        return Reply(value=[error] * len(requests))
    written = max(request.limits.max_output_megapixels for request in requests)
    set_address_space(needed + HELD_MEGABYTES + (threads - 1) * written * ADDRESS_SPACE_MB_PER_MEGAPIXEL)
    outcomes = produce_each(data, requests, measure=measure, threads=threads)
    set_address_space(None)
    failures = {place: _explain(each) for place, each in enumerate(outcomes) if isinstance(each, ImgoptError)}
    return Reply(
        value=[failures[place].error if place in failures else each for place, each in enumerate(outcomes)],
        detail="\n".join(failure.detail for failure in failures.values() if failure.detail),
        retire=any(failure.retire for failure in failures.values()),
    )


def header_task(source: bytes | str, limits: Limits) -> SourceInfo:
    from pipeline.header import read_header

    data = _read(source)
    bound_by_format(data, limits)
    return read_header(data, limits)


def inspect_task(source: bytes | str, limits: Limits) -> SourceInfo:
    from pipeline.inspect import inspect

    data = _read(source)
    bound_by_format(data, limits)
    return inspect(data, limits)


def colour_task(source: bytes | str, limits: Limits) -> tuple[SourceInfo, ColourReport]:
    from pipeline import inspector
    from pipeline.header import read_header

    data = _read(source)
    bound_by_format(data, limits)
    info = read_header(data, limits)
    return info, inspector.report(data, info, limits)


def colour_view_task(source: bytes | str, limits: Limits, view: View) -> bytes:
    from pipeline import inspector
    from pipeline.header import read_header

    data = _read(source)
    bound_by_format(data, limits)
    return inspector.draw(data, read_header(data, limits), limits, view)


def _read(source: bytes | str) -> bytes:
    return source if isinstance(source, bytes) else Path(source).read_bytes()


def bound_by_format(data: bytes, limits: Limits, *, mark: bytes | None = None, output: bool = False) -> None:
    """This will bound memory by the most that a picture of that format may need: for AVIF at 40 megapixels 1,750 MB.

    A watermark is another picture, with what its own format may need. A rendition may be larger than its source: an
    icon of 48 px with a margin of 1,000 has 4 megapixels, where icons have one.
    """
    set_address_space(_address_space_mb(data, limits, mark, output=output))


def _address_space_mb(data: bytes, limits: Limits, mark: bytes | str | None, *, output: bool) -> float:
    pictures = [data, *([mark] if isinstance(mark, bytes) else [])]
    megapixels = sum(limits.max_megapixels[sniff(picture[:SNIFF_BYTES])] for picture in pictures)
    megabytes = ADDRESS_SPACE_MB_PER_MEGAPIXEL * megapixels
    if output:
        megabytes = max(megabytes, OUTPUT_ADDRESS_SPACE_MB_PER_MEGAPIXEL * limits.max_output_megapixels)
    return BASE_ADDRESS_SPACE_MB + megabytes


def _append_line(path: str, line: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(descriptor, line.encode())  # one write: lines of several children never mix
    finally:
        os.close(descriptor)
