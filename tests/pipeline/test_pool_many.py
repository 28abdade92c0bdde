"""Many renditions in one task of the render pool."""

from __future__ import annotations

import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline import child, slot
from pipeline.admission import Weight
from pipeline.errors import BadParameter, NotAnImage, RenderFailed, RenderTimeout
from pipeline.limits import Limits
from pipeline.pool import RenderPool
from pipeline.render import RenderRequest
from pipeline.rendition import Rendition
from pipeline.spec import TransformSpec
from tests.pipeline import fake_jobs
from tests.pipeline.pools import LIGHT, PATIENT_SECONDS, MakePool, draw_png


def many(*widths: int, page: int | None = None) -> list[RenderRequest]:
    return [
        RenderRequest(spec=TransformSpec(width=width, page=page), format="webp", limits=Limits()) for width in widths
    ]


def test_renders_many_in_one_child_each_as_alone_and_logs_each(make_pool: MakePool, tmp_path: Path):
    log, path = tmp_path / "renders", tmp_path / "source.png"
    path.write_bytes(draw_png(60, 40))
    pool = make_pool(processes=2, render_log=str(log))
    requests, weight = many(30, 20, 10), Weight.of(pool.inspect(path))
    alone = [pool.render(path, request, weight=weight) for request in requests]
    log.unlink()
    tasks = pool.counters.tasks
    for source in (path, path.read_bytes()):
        together = pool.render_many(source, requests, weight=weight, label="a-master")
        assert [each.body for each in together if isinstance(each, Rendition)] == [each.body for each in alone]
    lines = log.read_text().splitlines()
    assert [line.partition(" ")[0] for line in lines] == ["a-master"] * 6
    assert len(set(lines[:3])) == 1
    assert {int(line.partition(" ")[2]) for line in lines} <= set(pool.pids)
    assert pool.counters.tasks == tasks + 2
    assert pool.render_many(path, [], weight=weight) == []


def test_of_many_one_that_fails_is_an_error_in_its_place(calm_pool: RenderPool):
    requests = [*many(30), *many(30, page=7), *many(20)]
    good, bad, fine = calm_pool.render_many(draw_png(60, 40), requests, weight=LIGHT)
    assert isinstance(good, Rendition)
    assert isinstance(bad, BadParameter)
    assert isinstance(fine, Rendition)
    assert (good.width, fine.width) == (30, 20)


def test_of_what_is_no_picture_many_are_many_errors(calm_pool: RenderPool):
    outcomes = calm_pool.render_many(b"no picture at all", many(30, 20), weight=LIGHT)
    assert [type(each) for each in outcomes] == [NotAnImage, NotAnImage]


def test_many_come_with_their_scores_where_they_are_asked_for(calm_pool: RenderPool):
    for measure in (False, True):
        for each in calm_pool.render_many(draw_png(60, 40), many(30, 20), weight=LIGHT, measure=measure):
            assert isinstance(each, Rendition)
            assert (each.scores is not None) == measure
        one = calm_pool.render(draw_png(60, 40), many(30)[0], weight=LIGHT, measure=measure)
        assert (one.scores is not None) == measure


def test_a_watermark_of_many_may_be_a_path(calm_pool: RenderPool, tmp_path: Path):
    path = tmp_path / "logo.png"
    path.write_bytes(draw_png(8, 8))
    spec = TransformSpec(width=30, mark="logo")
    requests = [
        RenderRequest(spec=spec, format="webp", mark=mark, limits=Limits()) for mark in (str(path), path.read_bytes())
    ]
    by_path, by_bytes = calm_pool.render_many(draw_png(60, 40), requests, weight=LIGHT)
    assert isinstance(by_path, Rendition)
    assert isinstance(by_bytes, Rendition)
    assert by_path.body == by_bytes.body


def test_what_nobody_foresaw_in_one_of_many_is_told_to_the_log(
    make_pool: MakePool, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    monkeypatch.setattr(
        slot, "PROGRAM", "from tests.pipeline import fake_jobs; fake_jobs.stumble_over_gif(); " + slot.PROGRAM
    )
    pool = make_pool()
    requests = [replace(request, format=kind) for request in many(30) for kind in ("webp", "gif")]
    with caplog.at_level(logging.WARNING, "imgopt.pool"):
        good, bad = pool.render_many(draw_png(60, 40), requests, weight=LIGHT)
    assert isinstance(good, Rendition)
    assert isinstance(bad, RenderFailed)
    assert "private" not in bad.message
    assert "ZeroDivisionError: a private detail" in caplog.records[0].__dict__["detail"]


def test_one_of_many_that_needs_too_much_memory_fails_alone_and_its_child_retires(
    make_pool: MakePool, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(
        slot, "PROGRAM", "from tests.pipeline import fake_jobs; fake_jobs.eat_at_gif(); " + slot.PROGRAM
    )
    pool = make_pool()
    requests = [replace(request, format=kind) for request in many(30) for kind in ("gif", "webp")]
    bad, good = pool.render_many(draw_png(60, 40), requests, weight=LIGHT)
    assert isinstance(bad, RenderFailed)
    assert "memory limit" in bad.message
    assert isinstance(good, Rendition)
    assert (pool.counters.crashes, pool.counters.restarts) == (0, 1)


def test_many_that_end_their_child_fail_together(make_pool: MakePool, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(
        slot, "PROGRAM", "from tests.pipeline import fake_jobs; fake_jobs.abort_at_gif(); " + slot.PROGRAM
    )
    pool = make_pool()
    requests = [replace(request, format=kind) for request in many(30) for kind in ("webp", "gif")]
    with pytest.raises(RenderFailed, match="process died"):
        pool.render_many(draw_png(60, 40), requests, weight=LIGHT)
    assert len(pool.render_many(draw_png(60, 40), many(30), weight=LIGHT)) == 1


def test_many_have_the_time_of_each_and_at_most_ten(make_pool: MakePool, monkeypatch: pytest.MonkeyPatch):
    pool = make_pool(timeout_seconds=7)
    asked: list[float] = []

    def ask(self: slot.Slot, task: child.Task, timeout_seconds: float) -> child.Reply:
        asked.append(timeout_seconds)
        return child.Reply(value=[])

    monkeypatch.setattr(slot.Slot, "ask", ask)
    pool.render(b"", many(1)[0], weight=LIGHT)
    pool.render_many(b"", many(1, 2, 3), weight=LIGHT)
    pool.render_many(b"", many(*range(1, 60)), weight=LIGHT)
    pool.render_many(b"", many(1, 2, 3), weight=LIGHT, timeout_seconds=1.5)
    assert asked == [7, 21, 70, 1.5]


def test_a_longer_limit_is_for_one_call_only(make_pool: MakePool, monkeypatch: pytest.MonkeyPatch, fifo: Path):
    pool = make_pool(timeout_seconds=0.2)
    pool.ping()
    monkeypatch.setattr(child, "render_many_task", fake_jobs.say_and_answer)
    with ThreadPoolExecutor(1) as threads:
        patient = threads.submit(pool.render_many, str(fifo), many(1), weight=LIGHT, timeout_seconds=PATIENT_SECONDS)
        with fifo.open() as said:
            threading.Event().wait(0.5)  # longer than the pool's own limit
            said.read()
        assert [str(each) for each in patient.result(PATIENT_SECONDS)] == ["done"]
    with pytest.raises(RenderTimeout, match=r"at most 0\.2 seconds"):
        pool.run(fake_jobs.hang)
