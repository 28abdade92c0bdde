"""The render pool: what a bad task costs, and what is left when the parent is gone."""

from __future__ import annotations

import logging
import os
import queue
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pipeline import child, slot
from pipeline.admission import Weight
from pipeline.errors import Busy, DamagedImage, NotAnImage, RenderFailed, RenderTimeout
from pipeline.limits import Limits
from pipeline.pool import RenderPool
from pipeline.render import RenderRequest
from pipeline.spec import Format, TransformSpec
from tests import images
from tests.pipeline import fake_jobs
from tests.pipeline.pools import LIGHT, PATIENT_SECONDS, MakePool, draw_png


class Watch:
    """Any process, held by a descriptor, so that its end can be waited for without polling."""

    def __init__(self, pid: int) -> None:
        self._descriptor = os.pidfd_open(pid)

    def has_ended(self) -> bool:
        readable, _, _ = select.select([self._descriptor], [], [], PATIENT_SECONDS)
        os.close(self._descriptor)
        return bool(readable)


def test_runs_a_task_in_another_process(calm_pool: RenderPool):
    assert calm_pool.run(fake_jobs.add, 2, 3) == 5
    assert calm_pool.run(fake_jobs.pid) in calm_pool.pids
    assert os.getpid() not in calm_pool.pids


def test_kills_a_task_that_hangs_and_serves_the_next(make_pool: MakePool):
    pool = make_pool(timeout_seconds=0.2)
    pool.ping()
    hung = Watch(pool.pids[0])
    with pytest.raises(RenderTimeout, match=r"at most 0\.2 seconds"):
        pool.run(fake_jobs.hang)
    assert hung.has_ended()
    assert pool.run(fake_jobs.add, 1, 1) == 2
    assert (pool.counters.timeouts, pool.counters.crashes, pool.counters.restarts) == (1, 0, 1)


@pytest.mark.parametrize(
    "job", [fake_jobs.abort, fake_jobs.exit_quietly, fake_jobs.kill_itself, fake_jobs.break_off_its_answer]
)
def test_a_task_that_ends_its_child_costs_one_request_and_one_child(make_pool: MakePool, job: Callable[[], None]):
    pool = make_pool()
    with pytest.raises(RenderFailed, match="process died"):
        pool.run(job)
    assert pool.run(fake_jobs.add, 1, 1) == 2
    assert (pool.counters.crashes, pool.counters.restarts) == (1, 1)


def test_a_child_that_stops_halfway_through_its_answer_is_killed_at_the_limit(make_pool: MakePool):
    pool = make_pool(timeout_seconds=0.2)
    with pytest.raises(RenderTimeout):
        pool.run(fake_jobs.stop_in_its_answer)
    assert pool.run(fake_jobs.add, 1, 1) == 2


def test_a_task_that_needs_too_much_memory_fails_alone(make_pool: MakePool, caplog: pytest.LogCaptureFixture):
    pool = make_pool()
    with caplog.at_level(logging.WARNING, "imgopt.pool"), pytest.raises(RenderFailed, match="memory limit"):
        pool.run(fake_jobs.eat_memory)
    assert "MemoryError" in caplog.records[0].__dict__["detail"]
    assert pool.run(fake_jobs.address_space) == -1
    assert (pool.counters.crashes, pool.counters.restarts) == (0, 1)


def test_one_crash_leaves_the_other_children_alone(make_pool: MakePool, fifo: Path):
    pool = make_pool(processes=2)
    with ThreadPoolExecutor(1) as threads:
        busy = threads.submit(pool.run, fake_jobs.say_and_add, str(fifo), 2, 2)
        with fifo.open() as said:
            with pytest.raises(RenderFailed):
                pool.run(fake_jobs.abort)
            assert int(said.readline()) in pool.pids
            said.read()
        assert busy.result(PATIENT_SECONDS) == 4


def test_an_error_of_ours_arrives_as_itself(calm_pool: RenderPool):
    with pytest.raises(DamagedImage, match="received half of one"):
        calm_pool.run(fake_jobs.refuse)


@pytest.mark.parametrize("job", [fake_jobs.stumble, fake_jobs.answer_unpicklably])
def test_any_other_error_becomes_a_sentence_for_the_public_and_a_trace_for_the_log(
    calm_pool: RenderPool, job: Callable[[], object], caplog: pytest.LogCaptureFixture
):
    with caplog.at_level(logging.WARNING, "imgopt.pool"), pytest.raises(RenderFailed) as failure:
        calm_pool.run(job)
    assert failure.value.message == "Expected a picture that can be rendered, and this one failed."
    assert job.__name__ in caplog.records[0].__dict__["detail"]


def test_answers_every_one_of_many_threads(make_pool: MakePool):
    pool = make_pool(processes=2, queue_limit=100)
    with ThreadPoolExecutor(16) as threads:
        answers = list(threads.map(lambda number: pool.run(fake_jobs.add, number, 1), range(400)))
    assert answers == [number + 1 for number in range(400)]
    assert pool.counters.tasks == 400
    assert (pool.running, pool.waiting) == (0, 0)


def test_answers_every_one_of_many_threads_among_crashes(make_pool: MakePool):
    pool = make_pool(processes=2, queue_limit=100)

    def ask(number: int) -> int:
        if number % 10 == 0:
            with pytest.raises(RenderFailed):
                pool.run(fake_jobs.kill_itself)
            return 0
        return pool.run(fake_jobs.add, number, 0)

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(ask, range(60)))
    assert answers == [0 if number % 10 == 0 else number for number in range(60)]
    assert pool.counters.crashes == 6


def test_turns_away_at_once_when_the_queue_is_full(make_pool: MakePool, fifo: Path):
    pool = make_pool(queue_limit=0)
    with ThreadPoolExecutor(1) as threads:
        busy = threads.submit(pool.run, fake_jobs.say_and_add, str(fifo), 1, 1)
        with fifo.open() as said:
            with pytest.raises(Busy):
                pool.run(fake_jobs.add, 1, 1)
            pool.ping()  # busy children are well
            said.read()
        busy.result(PATIENT_SECONDS)


def test_time_in_the_queue_is_not_counted(make_pool: MakePool):
    pool = make_pool(timeout_seconds=0.5)
    pool.ping()
    with ThreadPoolExecutor(3) as threads:
        hanging = [threads.submit(pool.run, fake_jobs.hang) for _ in range(2)]
        last = threads.submit(pool.run, fake_jobs.add, 1, 1)
        outcomes = [each.exception(PATIENT_SECONDS) for each in hanging]
        assert last.result(PATIENT_SECONDS) == 2
    assert [type(each) for each in outcomes] == [RenderTimeout, RenderTimeout]


def test_stop_ends_children_and_answers_who_waits(make_pool: MakePool, fifo: Path):
    pool = make_pool()
    with ThreadPoolExecutor(2) as threads:
        running = threads.submit(pool.run, fake_jobs.say_and_hang, str(fifo))
        child = Watch(int(fifo.read_text()))
        waiting = threads.submit(pool.run, fake_jobs.add, 1, 1)
        pool.stop()
        assert isinstance(running.exception(PATIENT_SECONDS), Busy)
        assert isinstance(waiting.exception(PATIENT_SECONDS), Busy)
    assert child.has_ended()
    assert pool.pids == ()
    pool.stop()
    with pytest.raises(Busy, match="stopped"):
        pool.ping()


def test_replaces_a_child_that_was_killed_while_idle_without_a_failure(make_pool: MakePool):
    pool = make_pool()
    pool.ping()
    victim = pool.pids[0]
    watch = Watch(victim)
    os.kill(victim, signal.SIGKILL)
    assert watch.has_ended()
    assert pool.run(fake_jobs.add, 1, 1) == 2
    assert pool.pids != (victim,)
    assert pool.counters.crashes == 0


ORPHAN_MAKER = """
import sys, threading
from pipeline.pool import PoolConfig, RenderPool
from tests import images
from tests.pipeline import fake_jobs
from tests.pipeline.pools import LIGHT, PATIENT_SECONDS, MakePool, draw_png

if __name__ == "__main__":
    pool = RenderPool(PoolConfig(processes=2))
    pool.ping()
    pool.run(fake_jobs.add, 1, 1)
    # The child is started by a thread that ends; the render hangs in another.
    threading.Thread(target=pool.run, args=(fake_jobs.hang_without_the_interpreter, sys.argv[1])).start()
    print(*pool.pids, flush=True)
    threading.Event().wait()
"""


def test_a_killed_parent_leaves_no_child_not_even_one_that_hangs(fifo: Path):
    root = str(Path(__file__).parents[2])
    command = [sys.executable, "-c", ORPHAN_MAKER, str(fifo)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=root) as parent:
        assert parent.stdout is not None
        children = [Watch(int(pid)) for pid in parent.stdout.readline().split()]
        fifo.read_text()
        parent.kill()
        assert len(children) == 2
        assert all(child.has_ended() for child in children)


def test_ends_its_children_when_the_interpreter_ends():
    program = (
        "from pipeline.pool import PoolConfig, RenderPool\n"
        "pool = RenderPool(PoolConfig(processes=2))\n"
        "pool.ping()\n"
        "print(*pool.pids, flush=True)\n"
        "input()\n"
    )
    command = [sys.executable, "-c", program]
    root = str(Path(__file__).parents[2])
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=root) as parent:
        assert parent.stdout is not None
        children = [Watch(int(pid)) for pid in parent.stdout.readline().split()]
        parent.communicate("\n", timeout=PATIENT_SECONDS)
        assert parent.returncode == 0
        assert all(child.has_ended() for child in children)


def test_a_child_whose_first_word_nobody_reads_ends_without_a_sound():
    """A command that needed one child of two leaves the other so."""
    ours, theirs = socket.socketpair()
    lifeline = os.pipe()
    command = [sys.executable, "-c", slot.PROGRAM, str(theirs.fileno()), str(lifeline[0])]
    child = subprocess.Popen(command, pass_fds=(theirs.fileno(), lifeline[0]), stderr=subprocess.PIPE)
    theirs.close()
    assert select.select([ours], [], [], PATIENT_SECONDS)[0], "it is ready"
    ours.close()
    assert child.communicate(timeout=PATIENT_SECONDS)[1] == b""
    assert child.returncode == 0
    for end in lifeline:
        os.close(end)


def test_untrusted_loaders_are_blocked_in_the_child(calm_pool: RenderPool):
    with pytest.raises(RenderFailed):
        calm_pool.run(fake_jobs.load_matrix)


def test_refuses_to_work_when_the_block_cannot_be_proved(make_pool: MakePool, monkeypatch: pytest.MonkeyPatch):
    unblocked = "from pipeline import vips; vips.block_untrusted = lambda: None; "
    monkeypatch.setattr(slot, "PROGRAM", unblocked + slot.PROGRAM)
    pool = make_pool()
    for _ in range(3):
        with pytest.raises(RenderFailed, match=r"refuses to work.*to be blocked"):
            pool.run(fake_jobs.add, 1, 1)
    with pytest.raises(RenderFailed, match="refuses to work"):
        pool.ping()
    assert pool.counters.restarts == 0
    assert pool.pids == ()


def test_the_child_knows_no_secret(make_pool: MakePool, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("IMGOPT_SECRET_KEY", "secret")
    environment = make_pool().run(fake_jobs.environment)
    assert "IMGOPT_SECRET_KEY" not in environment
    assert (environment["VIPS_CONCURRENCY"], environment["MALLOC_ARENA_MAX"]) == ("1", "2")


def test_the_child_imports_no_django(calm_pool: RenderPool):
    modules = calm_pool.run(fake_jobs.modules)
    assert "pipeline.production" in modules
    assert "django" not in modules
    assert "pytest" not in modules


def test_the_child_writes_no_core_and_opens_few_files(calm_pool: RenderPool):
    assert calm_pool.run(fake_jobs.limits) == {"core": 0, "files": 256}


@pytest.mark.parametrize(
    "head, megabytes", [(b"\xff\xd8\xff\xe0", 350 + 35 * 100), (b"GIF89a", 350 + 35 * 50), (b"\x00\x00\x01\x00", 385)]
)
def test_memory_is_bounded_by_what_the_format_may_need(calm_pool: RenderPool, head: bytes, megabytes: int):
    assert calm_pool.run(fake_jobs.address_space_for, head, Limits()) == megabytes * 2**20
    assert calm_pool.run(fake_jobs.address_space) == -1


@pytest.mark.parametrize("output_format", ["avif", "gif", "jpeg", "png", "webp"])
def test_a_rendition_much_larger_than_its_source_has_room(calm_pool: RenderPool, output_format: Format):
    """An icon may have one megapixel; what is made of it, as many as any other rendition."""
    icon = images.encoded(images.quadrants(48, 48, alpha=128), "ico")
    spec = TransformSpec(width=6300, height=6300, fit="fill", background=(220, 40, 40, 128))
    request, weight = (
        RenderRequest(spec=spec, format=output_format, limits=Limits()),
        Weight.of(calm_pool.inspect(icon)),
    )
    [pid] = calm_pool.pids
    Path(f"/proc/{pid}/clear_refs").write_text("5")  # begins a new high-water mark
    before = resident_mb(pid, "VmRSS")
    rendition = calm_pool.render(icon, request, weight=weight)
    assert (rendition.width, rendition.height) == (6300, 6300)
    assert 39 < resident_mb(pid, "VmHWM") - before < weight.megabytes_of(request)


def resident_mb(pid: int, field: str) -> float:
    [line] = [line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith(field)]
    return int(line.split()[1]) / 1024


def test_large_renditions_wait_for_each_other(make_pool: MakePool, monkeypatch: pytest.MonkeyPatch):
    """A source of a kilobyte is not light if 40 megapixels are to be made of it."""
    pool = make_pool(processes=2, memory_budget_mb=600)
    begun, go_on = queue.SimpleQueue[int](), threading.Event()

    def ask(self: slot.Slot, task: child.Task, timeout_seconds: float) -> child.Reply:
        begun.put(pool.running)
        go_on.wait(PATIENT_SECONDS)
        return child.Reply(value=[])

    monkeypatch.setattr(slot.Slot, "ask", ask)
    spec = TransformSpec(width=6300, height=6300, fit="fill")
    large = RenderRequest(spec=spec, format="png", limits=Limits())
    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(pool.render, b"", large, weight=LIGHT)
        assert begun.get(timeout=PATIENT_SECONDS) == 1
        second = threads.submit(pool.render_many, b"", [large], weight=LIGHT)
        while not (pool.waiting or second.done() or not begun.empty()):
            threading.Event().wait(0.001)
        assert (pool.running, pool.waiting) == (1, 1)
        go_on.set()
        first.result(PATIENT_SECONDS)
        second.result(PATIENT_SECONDS)
    assert begun.get(timeout=PATIENT_SECONDS) == 1


def test_renders_from_bytes_and_from_a_path_and_logs_each(make_pool: MakePool, tmp_path: Path):
    log, path = tmp_path / "renders", tmp_path / "source.png"
    path.write_bytes(draw_png(60, 40))
    pool = make_pool(render_log=str(log))
    info = pool.inspect(path)
    assert (info.format, info.width, info.height) == ("png", 60, 40)
    request = RenderRequest(spec=TransformSpec(width=30), format="webp", limits=Limits())
    for source in (path, path.read_bytes()):
        rendition = pool.render(source, request, weight=Weight.of(info), label="some-key")
        assert (rendition.format, rendition.width, rendition.height) == ("webp", 30, 20)
    assert log.read_text() == f"some-key {pool.pids[0]}\n" * 2


def test_inspecting_what_is_no_picture_raises_what_the_pipeline_raises(calm_pool: RenderPool):
    with pytest.raises(NotAnImage):
        calm_pool.inspect(b"no picture at all")
