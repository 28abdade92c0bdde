"""A second run makes what is missing or has changed, and a run that was killed goes on."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from imgopt.cli import files, planning
from imgopt.cli.journal import FILE_NAME, Journal
from imgopt.cli.records import Record, read_line, write_line
from imgopt.cli.report import FileReport, Result, rows_of
from imgopt.cli.wishes import Wishes
from pipeline.pool import RenderPool
from tests.cli.conftest import Ended, Imgopt, command, environment, names, photo, run_alone, states
from tests.cli.test_optimise import wait_for
from tests.images import opened

LINE = ("optimise", "in", "-f", "webp,jpeg", "--widths", "60,120", "--json")


@pytest.fixture
def done(imgopt: Imgopt, folder: Path) -> Ended:
    """Two pictures with four results each."""
    for seed, name in enumerate(("a", "b")):
        photo(folder / "in" / f"{name}.png", 160, 120, seed=seed)
    return imgopt(*LINE)


def remade(report: Ended) -> set[str]:
    return {path.removeprefix("in/") for path, state in states(report).items() if state == "written"}


def test_a_second_run_decodes_and_writes_nothing_and_reports_the_same(
    imgopt: Imgopt, folder: Path, done: Ended, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {name: (folder / name).stat().st_ino for name in names(folder)}
    journal = (folder / "in" / FILE_NAME).read_bytes()
    monkeypatch.setattr(RenderPool, "_start", lambda pool: pytest.fail("A render process was asked for."))
    again = imgopt(*LINE)
    assert set(states(again).values()) == {"unchanged"}
    assert {name: (folder / name).stat().st_ino for name in names(folder)} == before
    assert (folder / "in" / FILE_NAME).read_bytes() == journal
    assert again.json["totals"]["rows"] == done.json["totals"]["rows"]
    assert {path: {**one, "state": ""} for path, one in again.results.items()} == {
        path: {**one, "state": ""} for path, one in done.results.items()
    }
    assert "2 files · 2 unchanged · 0 new results" in imgopt(*LINE[:-1]).out


def test_a_changed_picture_is_made_anew_and_a_touched_one_is_not(imgopt: Imgopt, folder: Path, done: Ended) -> None:
    os.utime(folder / "in" / "a.png", ns=(1, 1))
    assert remade(imgopt(*LINE)) == set()
    photo(folder / "in" / "a.png", 160, 120, seed=9)
    assert remade(imgopt(*LINE)) == {"a-60.webp", "a-120.webp", "a-60.jpg", "a-120.jpg"}
    assert remade(imgopt(*LINE)) == set()


def test_a_picture_of_the_same_length_and_other_bytes_is_noticed(imgopt: Imgopt, folder: Path) -> None:
    path = folder / "a.bmp"
    for seed in (1, 2):
        photo(path, 40, 30, seed=seed)
        assert states(imgopt("optimise", "a.bmp", "-f", "webp", "--json")) == {"a.webp": "written"}


def test_a_result_that_is_gone_or_another_is_made_anew_alone(imgopt: Imgopt, folder: Path, done: Ended) -> None:
    (folder / "in" / "a-60.webp").unlink()
    (folder / "in" / "b-120.jpg").write_bytes(b"cut short")
    assert remade(imgopt(*LINE)) == {"a-60.webp", "b-120.jpg"}
    assert opened((folder / "in" / "b-120.jpg").read_bytes()).size == (120, 90)


def test_what_is_asked_for_in_another_way_is_made_anew(imgopt: Imgopt, folder: Path, done: Ended) -> None:
    assert len(remade(imgopt(*LINE, "-q", "70"))) == 8
    assert len(remade(imgopt(*LINE, "-q", "70"))) == 0
    assert len(remade(imgopt(*LINE, "-q", "70", "-m"))) == 8
    assert len(remade(imgopt(*LINE))) == 8


def test_one_more_width_or_format_is_made_alone(imgopt: Imgopt, folder: Path, done: Ended) -> None:
    wider = imgopt("optimise", "in", "-f", "webp,jpeg", "--widths", "60,90,120", "--json")
    assert remade(wider) == {"a-90.webp", "a-90.jpg", "b-90.webp", "b-90.jpg"}
    more = imgopt("optimise", "in", "-f", "webp,jpeg,avif", "--widths", "60", "--json")
    assert remade(more) == {"a-60.avif", "b-60.avif"}


def test_another_release_of_the_encoders_makes_everything_anew(
    imgopt: Imgopt, folder: Path, done: Ended, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planning, "fingerprint", lambda: "another")
    assert len(remade(imgopt(*LINE))) == 8


def test_overwrite_makes_everything_anew(imgopt: Imgopt, folder: Path, done: Ended) -> None:
    assert len(remade(imgopt(*LINE, "--overwrite"))) == 8


def test_a_folder_that_moved_with_its_results_is_still_done(imgopt: Imgopt, folder: Path, done: Ended) -> None:
    shutil.move(folder / "in", folder / "moved")
    assert set(states(imgopt("optimise", "moved", *LINE[2:])).values()) == {"unchanged"}
    assert set(states(imgopt("optimise", folder / "moved" / "a.png", *LINE[2:])).values()) == {"unchanged"}


def test_a_picture_that_changes_while_it_is_read_is_read_again_next_time(
    imgopt: Imgopt, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = photo(folder / "a.png", 60, 40)
    write_whole = files.write_whole

    def change_too(target: Path, body: bytes) -> None:
        write_whole(target, body)
        photo(path, 60, 40, seed=2)

    monkeypatch.setattr(files, "write_whole", change_too)
    imgopt("optimise", "a.png", "-f", "webp")
    monkeypatch.undo()
    monkeypatch.chdir(folder)
    assert states(imgopt("optimise", "a.png", "-f", "webp", "--json")) == {"a.webp": "written"}
    assert states(imgopt("optimise", "a.png", "-f", "webp", "--json")) == {"a.webp": "unchanged"}


def test_a_killed_run_goes_on_where_it_was(folder: Path) -> None:
    for number in range(8):
        photo(folder / "in" / f"{number}.png", 300, 200, seed=number)
    line = ("optimise", "in", "-f", "avif,webp", "--out", "out", "--processes", "1")
    process = subprocess.Popen(command(*line), stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment())
    wait_for(lambda: len(list((folder / "out").glob("*.avif"))) >= 3)
    process.kill()
    process.communicate()
    before = {name: (folder / "out" / name).stat().st_ino for name in names(folder / "out")}
    assert 3 <= len(before) < 16
    assert all(opened((folder / "out" / name).read_bytes()) for name in before if not name.startswith("."))
    (folder / "out" / f".imgopt-{process.pid}-7.part").write_bytes(b"half a res")
    with (folder / "out" / FILE_NAME).open("ab") as journal:
        journal.write(b'{"name":"torn')
    again = run_alone(*line, "--json")
    assert again.status == 0, again.err
    kept = [path for path, state in states(again).items() if state == "unchanged"]
    assert len(kept) >= 4  # all but those of the picture that was under way
    assert all(before[path.removeprefix("out/")] == (folder / path).stat().st_ino for path in kept)
    assert names(folder / "out") == sorted(f"{number}.{kind}" for number in range(8) for kind in ("avif", "webp"))
    assert set(states(run_alone(*line, "--json")).values()) == {"unchanged"}


def test_killed_between_the_result_and_its_record_it_is_still_ours(
    imgopt: Imgopt, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo(folder / "a.png", 60, 40)
    with monkeypatch.context() as patch:
        patch.setattr(Journal, "record", lambda journal, record: None)
        imgopt("optimise", "a.png", "-f", "webp")
    assert (folder / "a.webp").exists()
    again = imgopt("optimise", ".", "-f", "webp", "--json")
    assert again.status == 0, again.err
    assert states(again) == {"a.webp": "written"}


LINES = (
    b"\x00\xff\n",
    b"[]\n",
    b"3\n",
    b"[" * 100_000 + b"\n",
    b'{"name": 3}\n',
    b'{"name": "a.webp", "of": ["a.png"]}\n',
    b'{"name": "a.webp", "source": {"path": "a.png"}}\n',
)


@pytest.mark.parametrize("line", LINES, ids=lambda line: str(line[:40]))
def test_a_line_that_says_nothing_counts_for_nothing(imgopt: Imgopt, folder: Path, line: bytes) -> None:
    photo(folder / "a.png", 60, 40)
    (folder / FILE_NAME).write_bytes(line)
    assert imgopt("optimise", "a.png", "-f", "webp").status == 0
    assert states(imgopt("optimise", "a.png", "-f", "webp", "--json")) == {"a.webp": "unchanged"}


NONSENSE: tuple[Any, ...] = ("x" * 5000, -1, 1e300, float("nan"), [], {}, None, True)


def places(said: Any, place: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The way to each value of a document."""
    for name, value in said.items():
        yield (*place, name)
        if isinstance(value, dict):
            yield from places(value, (*place, name))


def test_a_stranger_s_journal_can_only_be_passed_over(imgopt: Imgopt, folder: Path) -> None:
    """Each of its values in turn is something else, or is not there."""
    photo(folder / "a.png", 60, 40)
    imgopt("optimise", "a.png", "-f", "webp")
    line = (folder / FILE_NAME).read_bytes().splitlines()[-1]
    assert isinstance(read_line(line), Record)
    for place in places(json.loads(line)):
        for nonsense in NONSENSE:
            said = json.loads(line)
            inner = said
            for name in place[:-1]:
                inner = inner[name]
            inner[place[-1]] = nonsense
            entry = read_line(json.dumps(said).encode())
            if isinstance(entry, Record):
                assert write_line(entry)
                rows_of([_report(entry.made)])
                Wishes().of(entry.source.info)
            else:
                assert entry is None


def _report(made: Any) -> FileReport:
    result = Result(path=Path("a.webp"), format="webp", row="webp", state="unchanged", made=made)
    return FileReport(path=Path("a.png"), bytes=1, results=[result])


def test_what_a_living_process_writes_is_not_swept_away(tmp_path: Path) -> None:
    gone = subprocess.Popen(["/bin/true"])
    gone.wait()
    for pid in (os.getpid(), gone.pid, 1):
        (tmp_path / f".imgopt-{pid}-1.part").touch()
    files.sweep(tmp_path)
    assert names(tmp_path) == sorted([f".imgopt-{os.getpid()}-1.part", ".imgopt-1-1.part"])
