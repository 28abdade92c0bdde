"""`imgopt optimise`: what it makes, and what it leaves alone."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from imgopt.cli import machine, optimise
from pipeline.pool import RenderPool
from tests.cli import crashing
from tests.cli.conftest import Ended, Imgopt, command, environment, names, photo, run_alone, states
from tests.images import animation, opened, oriented, photo_with_gps, quadrants, scene


def test_makes_every_format_in_every_width_beside_its_picture(imgopt: Imgopt, folder: Path) -> None:
    before = photo(folder / "photo.png", 240, 160).read_bytes()
    ended = imgopt("optimise", "photo.png", "--format", "avif,webp", "--widths", "60,120")
    assert ended.status == 0
    assert names(folder) == ["photo-120.avif", "photo-120.webp", "photo-60.avif", "photo-60.webp", "photo.png"]
    for name, size in (("photo-60.avif", (60, 40)), ("photo-120.webp", (120, 80))):
        picture = opened((folder / name).read_bytes())
        assert (picture.format, picture.size) == (name.rpartition(".")[2].upper(), size)
    assert (folder / "photo.png").read_bytes() == before


def test_avif_and_webp_are_the_default_of_the_command(imgopt: Imgopt, folder: Path) -> None:
    photo(folder / "photo.png", 60, 40)
    assert imgopt("optimize", "photo.png").status == 0
    assert names(folder) == ["photo.avif", "photo.png", "photo.webp"]


def test_no_width_is_enlarged_and_those_above_become_the_own_one(imgopt: Imgopt, folder: Path) -> None:
    photo(folder / "photo.png", 240, 160)
    imgopt("optimise", "photo.png", "-f", "webp", "--widths", "120,480,960")
    assert names(folder) == ["photo-120.webp", "photo-240.webp", "photo.png"]


def test_max_dimension_bounds_the_longer_side_beside_widths_too(imgopt: Imgopt, folder: Path) -> None:
    photo(folder / "tall.png", 160, 240)
    imgopt("optimise", "tall.png", "-f", "webp", "-d", "120")
    imgopt("optimise", "tall.png", "-f", "jpeg", "-d", "120", "--widths", "40,100")
    assert opened((folder / "tall.webp").read_bytes()).size == (80, 120)
    assert opened((folder / "tall-40.jpg").read_bytes()).size == (40, 60)
    assert opened((folder / "tall-80.jpg").read_bytes()).size == (80, 120)


def test_pictures_come_out_upright(imgopt: Imgopt, folder: Path) -> None:
    (folder / "turned.jpg").write_bytes(oriented(quadrants(90, 60), 6))
    imgopt("optimise", "turned.jpg", "-f", "webp", "--widths", "45")
    assert opened((folder / "turned-45.webp").read_bytes()).size == (45, 30)


def test_auto_meets_its_target_and_lower_targets_take_fewer_bytes(imgopt: Imgopt, folder: Path) -> None:
    photo(folder / "photo.png", 320, 240)
    made = [
        imgopt("optimise", "photo.png", "-f", "webp", "-q", quality, "--overwrite", "--json").results["photo.webp"]
        for quality in ("auto", "auto:0.95")
    ]
    assert [one["target"] for one in made] == [0.99, 0.95]
    assert [one["target_met"] for one in made] == [True, True]
    assert made[0]["scores"]["ssim"] >= 0.99 > made[1]["scores"]["ssim"] >= 0.95
    assert made[1]["bytes"] < made[0]["bytes"]
    assert made[1]["trial_encodes"] > 1
    assert all(isinstance(one["bound"], str) and "chroma" in one for one in made)


def test_a_fixed_quality_is_the_encoder_s(imgopt: Imgopt, folder: Path) -> None:
    photo(folder / "photo.png", 320, 240)
    low, high = (
        imgopt("optimise", "photo.png", "-f", "avif", "-q", quality, "--overwrite", "--json").results["photo.avif"]
        for quality in ("30", "80")
    )
    assert (low["quality"], high["quality"]) == (30, 80)
    assert (low["target"], low["trial_encodes"]) == (None, 0)
    assert low["bytes"] < high["bytes"]
    assert low["scores"]["ssim"] < high["scores"]["ssim"]


def test_metadata_go_unless_they_are_kept(imgopt: Imgopt, folder: Path) -> None:
    (folder / "camera.jpg").write_bytes(photo_with_gps(240, 160))
    imgopt("optimise", "camera.jpg", "-f", "webp", "--out", "without")
    imgopt("optimise", "camera.jpg", "-f", "webp", "--out", "with", "--keep-metadata")
    assert b"SECRETCAMERA" not in (folder / "without" / "camera.webp").read_bytes()
    assert b"SECRETCAMERA" in (folder / "with" / "camera.webp").read_bytes()


def test_what_keeps_its_own_profile_is_measured_as_it_is_shown(
    imgopt: Imgopt, folder: Path, shared_images: Path
) -> None:
    shutil.copy(shared_images / "colour" / "adobergb_xmp_test.jpg", folder / "adobe.jpg")
    result = imgopt("optimise", "adobe.jpg", "-f", "avif", "-d", "300", "-m", "--json").results["adobe.avif"]
    assert result["target_met"] is True
    assert result["scores"]["delta_e_mean"] < 3
    assert opened((folder / "adobe.avif").read_bytes()).info["icc_profile"]


@pytest.mark.parametrize("quality", ["auto", "95"])
def test_no_result_of_the_same_format_and_size_is_larger_than_its_picture(
    imgopt: Imgopt, folder: Path, quality: str
) -> None:
    for name, options in (("photo.jpg", {"Q": 40}), ("photo.webp", {"Q": 30}), ("flat.png", {})):
        photo(folder / name, 240, 160, **options)
        before = (folder / name).stat().st_size
        result = imgopt("optimise", name, "-f", name.rpartition(".")[2], "-q", quality, "--out", "out", "--json")
        made = result.results[f"out/{name}"]
        assert made["bytes"] == (folder / "out" / name).stat().st_size <= before


def test_an_animation_stays_one_and_says_why_it_has_no_scores(imgopt: Imgopt, folder: Path) -> None:
    (folder / "moving.gif").write_bytes(animation("gif", [scene(40, 30, seed=seed) for seed in (1, 2, 3)]))
    ended = imgopt("optimise", "moving.gif", "-f", "webp", "--json")
    assert ended.results["moving.webp"]["pages"] == 3
    assert ended.results["moving.webp"]["scores"] is None
    assert ended.results["moving.webp"]["unmeasured"]
    assert imgopt("optimise", "moving.gif", "-f", "webp").status == 0


def test_folders_are_searched_to_their_depths_for_pictures_alone(imgopt: Imgopt, folder: Path) -> None:
    photo(folder / "in" / "a.png", 40, 30)
    photo(folder / "in" / "deep" / "er" / "b.jpg", 40, 30)
    photo(folder / "in" / "c.png", 40, 30).rename(folder / "in" / "no extension")
    photo(folder / "in" / ".hidden" / "d.png", 40, 30)
    photo(folder / "in" / ".e.png", 40, 30)
    photo(folder / "elsewhere" / "f.png", 40, 30)
    (folder / "in" / "link.png").symlink_to(folder / "elsewhere" / "f.png")
    (folder / "in" / "linked").symlink_to(folder / "elsewhere")
    (folder / "in" / "loop").symlink_to(folder / "in")
    (folder / "in" / "notes.txt").write_text("not a picture")
    (folder / "in" / "logo.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    os.mkfifo(folder / "in" / "pipe.png")
    ended = imgopt("optimise", "in", "-f", "webp", "--out", "out")
    assert ended.status == 0
    assert names(folder / "out") == ["a.webp", "deep/er/b.webp", "no extension.webp"]
    assert "1 SVG" in ended.err


ODD = (
    "a b.png",
    "-dash.png",
    "[bold]brackets[not bold].png",
    "line\nfeed.png",
    "\x1b[31mred.png",
    "emoji :smile: 🌊.png",
    "Zürich ünïcode.png",
    "v1.2 final.png",
    "%41&=?#.png",
    "…" * 80 + ".png",
)


def test_odd_names_are_names(imgopt: Imgopt, folder: Path) -> None:
    for name in ODD:
        photo(folder / "in" / "plain.png", 40, 30).rename(folder / "in" / name)
    photo(folder / "in" / "plain.png", 40, 30).rename(folder / "in" / os.fsdecode(b"not utf-8 \xff.png"))
    ended = imgopt("optimise", "in", "-f", "webp", "--out", "out")
    assert ended.status == 0, ended.err
    assert {path.name for path in (folder / "out").glob("*.webp")} == {
        *(name.replace(".png", ".webp") for name in ODD),
        os.fsdecode(b"not utf-8 \xff.webp"),
    }
    assert "\x1b" not in ended.out
    assert r"line\nfeed.webp" in ended.out
    assert "[bold]brackets[not bold].webp" in ended.out
    assert json.loads(imgopt("optimise", "in", "-f", "webp", "--out", "out", "--json").out)["totals"]["files"] == 11


def test_a_folder_s_results_are_not_its_pictures(imgopt: Imgopt, folder: Path) -> None:
    photo(folder / "in" / "a.png", 40, 30)
    imgopt("optimise", "in")
    imgopt("optimise", "in", "--out", "in/web")
    first = names(folder)
    assert first == ["in/a.avif", "in/a.png", "in/a.webp", "in/web/a.avif", "in/web/a.webp"]
    for line in (("in",), ("in", "--out", "in/web"), ("in", "--out", "elsewhere")):
        report = imgopt("optimise", *line, "--json").json
        assert [file["path"] for file in report["files"]] == ["in/a.png"]
    assert imgopt("optimise", "in/web").err == "There is no picture to optimise.\n"
    (folder / "in" / "a.png").unlink()
    assert imgopt("optimise", "in").err == "There is no picture to optimise.\n"
    photo(folder / "in" / "a.webp", 60, 40)  # now somebody's own
    assert [file["path"] for file in imgopt("optimise", "in", "--json").json["files"]] == ["in/a.webp"]
    assert list(imgopt("optimise", "in/web/a.avif", "-f", "jpeg", "--json").results) == ["in/web/a.jpg"]


def test_a_bad_file_costs_a_line_and_no_more(imgopt: Imgopt, folder: Path) -> None:
    good = photo(folder / "in" / "b.jpg", 240, 160)
    (folder / "in" / "a.jpg").write_bytes(good.read_bytes()[:3000])
    (folder / "in" / "c.png").write_bytes(b"not a picture")
    (folder / "in" / "d.png").write_bytes(b"")
    photo(folder / "in" / "e.png", 40, 30).chmod(0)
    ended = imgopt("optimise", "in", "missing", "-f", "webp")
    assert ended.status == 1
    assert names(folder / "in")[-1] == "e.webp" if os.getuid() == 0 else "d.png"
    assert (folder / "in" / "b.webp").exists()
    told = dict(line.split(": ", 1) for line in ended.err.splitlines())
    assert set(told) == {"in/a.jpg", "in/c.png", "in/d.png", "missing"} | ({"in/e.png"} if os.getuid() else set())
    assert "does not decode" in told["in/a.jpg"]
    assert "received an empty file" in told["in/d.png"]
    assert told["missing"] == "Expected a file or folder: No such file or directory."


def on_b(monkeypatch: pytest.MonkeyPatch, do: Callable[[], None]) -> None:
    """This will have the render child do that with `b.png`, as a decoder with a fault might."""
    render_many = RenderPool.render_many

    def patched(pool: RenderPool, source: Any, *args: Any, **options: Any) -> Any:
        return pool.run(do) if source == "b.png" else render_many(pool, source, *args, **options)

    monkeypatch.setattr(RenderPool, "render_many", patched)


def test_a_picture_that_kills_its_render_process_costs_a_line(
    imgopt: Imgopt, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "b", "c", "d"):
        photo(folder / f"{name}.png", 60, 40)
    on_b(monkeypatch, crashing.die)
    ended = imgopt("optimise", ".", "-f", "webp", "--processes", "2")
    assert ended.status == 1
    assert ended.err == "b.png: Expected a picture that can be rendered, and its render process died.\n"
    assert names(folder) == ["a.png", "a.webp", "b.png", "c.png", "c.webp", "d.png", "d.webp"]


def test_a_picture_that_takes_too_long_costs_a_line(
    imgopt: Imgopt, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "b", "c"):
        photo(folder / f"{name}.png", 30, 20)
    on_b(monkeypatch, crashing.hang)
    ended = imgopt("optimise", ".", "-f", "webp", "-q", "80", "--processes", "2", "--timeout", "3")
    assert ended.status == 1
    assert ended.err == "b.png: Expected a render to take at most 3 seconds, and it took longer.\n"
    assert names(folder) == ["a.png", "a.webp", "b.png", "c.png", "c.webp"]


def test_works_on_all_cores_by_default_and_on_as_many_as_are_asked_for(
    imgopt: Imgopt, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    children: list[int] = []

    class Watched(RenderPool):
        def stop(self) -> None:
            children.append(len(self.pids))
            super().stop()

    monkeypatch.setattr(optimise, "RenderPool", Watched)
    monkeypatch.setattr(machine, "cores", lambda: 3)
    for number in range(4):
        photo(folder / f"{number}.png", 30, 20)
    imgopt("optimise", ".", "-f", "webp")
    imgopt("optimise", ".", "-f", "webp", "--overwrite", "--processes", "2")
    assert children == [3, 2]


def test_the_table_tells_what_was_saved_and_how_it_measures(imgopt: Imgopt, folder: Path) -> None:
    sizes = [photo(folder / name, 240, 160, seed=seed).stat().st_size for seed, name in enumerate(("a.png", "b.png"))]
    ended = imgopt("optimise", ".", "-f", "webp,jpeg", "--widths", "100,200")
    assert ended.err == ""
    lines = ended.out.splitlines()
    head = next(line for line in lines if line.startswith("all"))
    assert re.findall(r"\S+", head) == ["all", "files", "before", "after", "saved", "SSIM", "lowest", "ΔE00", "highest"]
    rows = lines[lines.index(head) + 1 : lines.index(head) + 5]
    assert [row.split()[:3] for row in rows] == [
        [kind, width, "2"] for kind in ("webp", "jpeg") for width in ("100", "200")
    ]
    after = sum((folder / f"{name}-100.webp").stat().st_size for name in "ab")
    assert f"{sum(sizes) / 1000:.0f} kB" in rows[0]
    assert f"{after / 1000:.2f} kB" in rows[0]
    assert f"{100 - 100 * after / sum(sizes):.1f} %" in rows[0]
    assert re.search(r"0\.99\d\d +0\.99\d\d +\d\.\d\d +\d\.\d\d", rows[0])
    assert re.fullmatch(r"2 files · 8 new results · .*s · slowest [ab]\.png \(.*s\)", lines[-1])
    assert any(line.startswith("a-100.webp ") and "100 × 67" in line for line in lines)


def test_json_is_all_there_is_on_standard_output(folder: Path) -> None:
    size = photo(folder / "a.png", 240, 160).stat().st_size
    (folder / "b.png").write_bytes(b"no")
    ended = run_alone("optimise", "a.png", "b.png", "-f", "webp", "--json")
    report = ended.json
    assert ended.status == 1
    assert [(file["path"], file["state"]) for file in report["files"]] == [("a.png", "written"), ("b.png", "failed")]
    good, bad = report["files"]
    [result] = good["results"]
    assert result["path"] == "a.webp"
    assert result["bytes"] == (folder / "a.webp").stat().st_size == size - result["bytes_saved"]
    assert {"ssim", "worst_tile", "psnr", "rmse", "delta_e_mean", "delta_e_p95", "delta_e_p99"} <= set(result["scores"])
    assert bad["error"]["code"] == "not_an_image"
    assert report["totals"]["bytes_before"] == size
    assert report["totals"]["states"] == {"failed": 1, "written": 1}
    assert report["totals"]["slowest"]["path"] == "a.png"
    assert report["totals"]["rows"][0]["bytes_saved"] == result["bytes_saved"]


def test_a_dry_run_tells_all_and_writes_nothing(imgopt: Imgopt, folder: Path) -> None:
    photo(folder / "in" / "a.png", 240, 160)
    photo(folder / "in" / "a.jpg", 240, 160)
    (folder / "in" / "bad.png").write_bytes(b"no")
    before = sorted(folder.rglob("*"))
    line = ("optimise", "in", "-f", "webp", "--widths", "100", "--out", "out")
    ended = imgopt(*line, "--dry-run")
    assert sorted(folder.rglob("*")) == before
    assert ended.status == 1
    assert ended.err.startswith("in/bad.png: ")
    assert ended.out.splitlines()[-1] == "Nothing was written. A run would write 2 results."
    planned = states(imgopt(*line, "--dry-run", "--json"))
    assert planned == {"out/a-100.webp": "planned", "out/a.png-100.webp": "planned"}
    assert set(states(imgopt(*line, "--json"))) == set(planned)


def on_a_terminal(folder: Path, *words: str) -> Ended:
    """This will run a line with standard error on a terminal, and give what it drew there."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        command(*words), stdout=subprocess.PIPE, stderr=theirs, env=environment(TERM="xterm", COLUMNS="100")
    )
    os.close(theirs)
    drawn = b""
    while select.select([ours], [], [], 60)[0]:
        try:
            data = os.read(ours, 65536)
        except OSError:  # the last writer is gone
            break
        drawn += data
    os.close(ours)
    assert process.stdout is not None
    with process.stdout as stdout:
        out = stdout.read().decode()
    return Ended(process.wait(60), out, drawn.decode())


def test_bars_with_the_time_left_are_drawn_on_terminals_alone(folder: Path) -> None:
    photo(folder / "a.png", 240, 160)
    photo(folder / "b.png", 240, 160)
    drawn = on_a_terminal(folder, "optimise", ".", "-f", "webp", "--json")
    assert drawn.status == 0
    assert drawn.json["totals"]["states"] == {"written": 2}
    for text in ("Looking", "Optimising", "2 of 2", "100%", "left"):
        assert text in drawn.err
    assert run_alone("optimise", ".", "-f", "webp", "--overwrite").err == ""


@pytest.fixture
def hears_ctrl_c() -> Iterator[None]:
    """A child inherits that SIGINT is ignored, as it is in what a shell has started in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_ctrl_c_ends_the_run_with_what_is_done_and_the_same_line_goes_on(folder: Path, hears_ctrl_c: None) -> None:
    many = 16  # a few seconds' work: who gets no turn for a while still stops it in the midst
    for number in range(many):
        photo(folder / "in" / f"{number:02}.png", 300, 200, seed=number)
    line = command("optimise", "in", "-f", "avif", "--out", "out", "--processes", "1")
    process = subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment())
    wait_for(lambda: len(list((folder / "out").glob("*.avif"))) >= 2)
    process.send_signal(signal.SIGINT)
    out, err = (text.decode() for text in process.communicate(timeout=30))
    assert process.returncode == 130
    assert err == "Stopped before the end. The same line goes on from here.\n"
    assert "stopped" in out
    done = names(folder / "out")
    assert all(opened((folder / "out" / name).read_bytes()) for name in done)
    again = run_alone("optimise", "in", "-f", "avif", "--out", "out", "--json")
    assert sorted(again.json["totals"]["states"].items()) == [("unchanged", len(done)), ("written", many - len(done))]


def wait_for(happened: Any) -> None:
    deadline = time.monotonic() + 60
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_the_terminal_s_encoding_ends_no_run(folder: Path) -> None:
    photo(folder / "plain.png", 40, 30).rename(folder / "Zürich 🌊.png")
    ended = run_alone("optimise", ".", "-f", "webp", PYTHONIOENCODING="ascii")
    assert ended.status == 0, ended.err
    assert r"Z\xfcrich" in ended.out


def test_a_result_that_cannot_be_written_costs_a_line(imgopt: Imgopt, folder: Path) -> None:
    photo(folder / "a.png", 40, 30)
    (folder / "out").write_text("a file")
    assert imgopt("optimise", "a.png", "--out", "out/below").status == 1
    (folder / "a.webp").mkdir()
    ended = imgopt("optimise", "a.png", "-f", "webp,jpeg", "--overwrite")
    assert ended.status == 1
    assert ended.err == "a.png: Expected a place that can be written: Is a directory.\n"
    assert (folder / "a.jpg").exists()
    assert not list(folder.glob(".imgopt-*"))


def test_memory_is_half_of_the_machine_s_or_its_container_s(tmp_path: Path) -> None:
    limit = tmp_path / "memory.max"
    whole = machine.memory_budget_mb(limit)
    limit.write_text("max\n")
    assert machine.memory_budget_mb(limit) == whole >= 1024
    limit.write_text(f"{4 * 2**30}\n")
    assert machine.memory_budget_mb(limit) == min(whole, 2048)
    limit.write_text("1000\n")
    assert machine.memory_budget_mb(limit) == 1024


def test_every_accepted_format_is_taken(imgopt: Imgopt, folder: Path) -> None:
    for kind in ("jpg", "png", "webp", "avif", "gif", "tif", "bmp", "ico"):
        photo(folder / "in" / f"{kind}.{kind}", 64, 48)
    ended = imgopt("in", "--out", "out")
    assert ended.status == 0, ended.err
    kept = {"avif.avif", "jpg.jpg", "png.png", "webp.webp"}
    assert set(names(folder / "out")) == kept | {"bmp.png", "gif.png", "ico.png", "tif.png"}


def test_an_image_too_large_for_the_file_is_refused_before_it_is_read(imgopt: Imgopt, folder: Path) -> None:
    with (folder / "huge.png").open("wb") as file:
        file.truncate(2**30 + 1)
    ended = imgopt("optimise", "huge.png")
    assert ended.status == 1
    assert "Expected a file of at most 1 GiB" in ended.err
