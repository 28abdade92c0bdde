"""`manage.py quality_gate`: a corpus, rendered and compared with what was recorded."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from imgopt.gate.baseline import Baseline, Entry
from imgopt.gate.comparison import Tolerances, compared
from imgopt.gate.figures import Figures
from pipeline.pool import RenderPool
from pipeline.request import RenderRequest
from pipeline.version import fingerprint
from tests.assets.caller import Caller
from tests.images import encoded, scene

FORMATS = ("--formats", "webp,jpeg", "--widths", "80")


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    folder = tmp_path / "corpus"
    (folder / "inner").mkdir(parents=True)
    (folder / "a.png").write_bytes(encoded(scene(120, 90, seed=1), "png"))
    (folder / "inner" / "b.png").write_bytes(encoded(scene(90, 120, seed=2), "png"))
    (folder / "same-as-a.png").write_bytes((folder / "a.png").read_bytes())
    (folder / ".hidden.png").write_bytes(encoded(scene(50, 50), "png"))
    (folder / "notes.txt").write_text("no picture")
    return folder


@pytest.fixture
def baseline(tmp_path: Path) -> Path:
    return tmp_path / "baseline.json"


def gate(corpus: Path | str, baseline: Path, *more: str) -> tuple[int, str]:
    """This will give the status that a shell sees, and what was printed."""
    out = io.StringIO()
    try:
        call_command("quality_gate", str(corpus), "--baseline", str(baseline), *more, stdout=out, stderr=io.StringIO())
    except SystemExit as ended:
        return int(ended.code or 0), out.getvalue()
    except CommandError as error:
        return error.returncode, str(error)
    return 0, out.getvalue()


def changes(corpus: Path, baseline: Path, *more: str) -> tuple[int, dict[tuple[str, str], dict[str, Any]]]:
    status, out = gate(corpus, baseline, *FORMATS, "--json", *more)
    said = json.loads(out)
    assert said["worse"] is (status == 1)
    return status, {(each["picture"], each["row"].partition(" ")[0]): each for each in said["changes"]}


def edit(baseline: Path, change: Callable[[dict[str, Any]], object]) -> None:
    said = json.loads(baseline.read_text())
    change(said)
    baseline.write_text(json.dumps(said))


def row(said: dict[str, Any], name: str, kind: str) -> dict[str, Any]:
    [entry] = [each for each in said["pictures"].values() if each["name"] == name]
    [found] = [figures for asked, figures in entry["renders"].items() if asked.startswith(kind)]
    assert isinstance(found, dict)
    return found


def test_what_was_recorded_compares_as_the_same(corpus: Path, baseline: Path) -> None:
    status, out = gate(corpus, baseline, *FORMATS, "--record")
    assert (status, out) == (0, f"4 renditions of 2 pictures recorded in {baseline}, 0 failed.\n")
    status, out = gate(corpus, baseline, *FORMATS)
    assert status == 0
    assert "4 renditions · 4 same · " in out
    assert "(+0.00 %)" in out
    assert f"{fingerprint()}, as before" in out


def test_a_baseline_is_stable_text_by_digest_with_the_versions_inside(corpus: Path, baseline: Path) -> None:
    gate(corpus, baseline, *FORMATS, "--record")
    first = baseline.read_text()
    gate(corpus, baseline, *FORMATS, "--record")
    assert baseline.read_text() == first
    said = json.loads(first)
    assert said["fingerprint"] == fingerprint()
    assert first == json.dumps(said, indent=1, sort_keys=True) + "\n"
    assert all(len(digest) == 64 for digest in said["pictures"])
    assert {entry["name"] for entry in said["pictures"].values()} == {"a.png", "inner/b.png"}
    assert 0.97 <= row(said, "a.png", "webp")["ssim"] < 1


def test_figures_that_fell_are_named_and_the_status_is_1(corpus: Path, baseline: Path) -> None:
    gate(corpus, baseline, *FORMATS, "--record")
    edit(baseline, lambda said: row(said, "inner/b.png", "webp").update(ssim=0.999, bytes=10))
    edit(baseline, lambda said: said.update(fingerprint="2/older"))
    status, found = changes(corpus, baseline)
    assert status == 1
    assert found["inner/b.png", "webp"]["state"] == "worse"
    assert found["inner/b.png", "webp"]["reasons"] == ["bytes", "SSIM"]
    assert found["inner/b.png", "webp"]["before"]["bytes"] == 10
    assert {each["state"] for each in found.values()} == {"worse", "same"}
    status, out = gate(corpus, baseline, *FORMATS)
    assert status == 1
    [line] = [line for line in out.splitlines() if "worse: bytes, SSIM" in line]
    assert line.startswith("inner/b.png  webp 80 auto:good")
    assert "before    2/older" in out
    assert f"after     {fingerprint()}" in out
    assert "3 same · 1 worse" in out


def test_a_worse_encoder_is_found_in_every_file(corpus: Path, baseline: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = (*FORMATS, "--quality", "80")
    gate(corpus, baseline, *asked, "--record")
    render_many = RenderPool.render_many

    def worse(pool: RenderPool, source: Any, requests: Sequence[RenderRequest], **options: Any) -> Any:
        """An encoder that makes less of the same quality."""
        lower = [replace(each, spec=replace(each.spec, quality=40)) for each in requests]
        return render_many(pool, source, lower, **options)

    monkeypatch.setattr(RenderPool, "render_many", worse)
    status, out = gate(corpus, baseline, *asked, "--json")
    found = json.loads(out)["changes"]
    assert status == 1
    assert len(found) == 4
    for each in found:
        assert each["state"] == "worse"
        assert "SSIM" in each["reasons"]
        assert "bytes" not in each["reasons"]  # it made them smaller
        assert each["grown_percent"] < 0


def test_tolerances_decide(corpus: Path, baseline: Path) -> None:
    gate(corpus, baseline, *FORMATS, "--record")
    edit(baseline, lambda said: row(said, "a.png", "jpeg").update(bytes=row(said, "a.png", "jpeg")["bytes"] - 20))
    status, found = changes(corpus, baseline, "--tolerance-bytes", "0.1")
    assert (status, found["a.png", "jpeg"]["reasons"]) == (1, ["bytes"])
    status, found = changes(corpus, baseline, "--tolerance-bytes", "50")
    assert (status, found["a.png", "jpeg"]["state"]) == (0, "changed")


def test_new_and_missing_pictures_are_told_and_fail_nothing(corpus: Path, baseline: Path) -> None:
    gate(corpus, baseline, *FORMATS, "--record")
    (corpus / "inner" / "b.png").unlink()
    (corpus / "c.png").write_bytes(encoded(scene(100, 80, seed=3), "png"))
    status, found = changes(corpus, baseline)
    assert status == 0
    assert {name: each["state"] for (name, kind), each in found.items() if kind == "webp"} == {
        "a.png": "same",
        "c.png": "new",
        "inner/b.png": "missing",
    }
    assert "6 renditions · 2 same · 2 new · 2 missing" in gate(corpus, baseline, *FORMATS)[1]


def test_a_renamed_picture_is_the_same(corpus: Path, baseline: Path) -> None:
    gate(corpus, baseline, *FORMATS, "--record")
    (corpus / "inner" / "b.png").rename(corpus / "z.png")
    _, found = changes(corpus, baseline)
    assert found["z.png", "webp"]["state"] == "same"


def test_formats_that_are_not_asked_for_this_time_are_left_alone(corpus: Path, baseline: Path) -> None:
    gate(corpus, baseline, *FORMATS, "--record")
    status, out = gate(corpus, baseline, "--formats", "webp", "--widths", "80,40")
    assert status == 0
    assert "4 renditions · 2 same · 2 new" in out


def test_a_damaged_file_is_a_line_and_no_crash(corpus: Path, baseline: Path) -> None:
    whole = (corpus / "a.png").read_bytes()
    (corpus / "broken.png").write_bytes(whole[: len(whole) // 2])
    status, out = gate(corpus, baseline, *FORMATS, "--record")
    assert status == 0
    assert "broken.png  webp 80 auto:good  damaged_image\n" in out
    assert "6 renditions of 3 pictures recorded" in out
    assert "2 failed" in out
    assert gate(corpus, baseline, *FORMATS)[0] == 0  # it was so before
    edit(baseline, lambda said: row(said, "broken.png", "webp").clear())
    edit(baseline, lambda said: row(said, "broken.png", "webp").update(row(said, "a.png", "webp")))
    status, found = changes(corpus, baseline)
    assert status == 1
    assert found["broken.png", "webp"]["reasons"] == ["fails now: damaged_image"]
    assert "worse: fails now: damaged_image" in gate(corpus, baseline, *FORMATS)[1]


@pytest.mark.django_db
def test_masters_are_a_corpus_too(caller: Caller, baseline: Path) -> None:
    caller.upload(encoded(scene(120, 90, seed=4), "png"), key="shop/a")
    caller.upload(encoded(scene(120, 90, seed=5), "png"), key="shop/b")
    other = caller.upload(encoded(scene(120, 90, seed=6), "png"))["id"]
    caller.ask("PATCH", f"/api/v1/image/{other}", b'{"tags": ["gate"]}', "application/json")
    assert "2 pictures recorded" in gate("masters:shop/", baseline, *FORMATS, "--record")[1]
    assert {entry["name"] for entry in json.loads(baseline.read_text())["pictures"].values()} == {"shop/a", "shop/b"}
    assert gate("masters:shop/", baseline, *FORMATS)[0] == 0
    assert "1 picture recorded" in gate("masters:tag=gate", baseline, *FORMATS, "--record")[1]
    assert "3 pictures recorded" in gate("masters:", baseline, *FORMATS, "--record")[1]


@pytest.fixture
def caller(db: None) -> Caller:
    return Caller.with_scopes("upload", "read", "manage")


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (("--formats", "tga"), "Expected one of"),
        (("--widths", "0"), "for --widths"),
        (("--widths", ""), "at least one of"),
        (("--quality", "fine"), "for --quality"),
        (("--tolerance-ssim", "2"), "for --tolerance-ssim"),
        ((), "make one with --record"),
    ],
)
def test_what_is_not_understood_has_status_2(
    corpus: Path, baseline: Path, more: tuple[str, ...], sentence: str
) -> None:
    status, out = gate(corpus, baseline, *more)
    assert status == 2
    assert sentence in out


def test_a_folder_without_pictures_and_a_foreign_baseline_have_status_2(tmp_path: Path, baseline: Path) -> None:
    assert gate(tmp_path / "none", baseline, "--record")[0] == 2
    (tmp_path / "empty").mkdir()
    status, out = gate(tmp_path / "empty", baseline, "--record")
    assert (status, "received none" in out) == (2, True)
    for text in ("{", "[]", '{"form": 2}', '{"form": 1, "pictures": {"a": 1}}'):
        baseline.write_text(text)
        status, out = gate(tmp_path / "empty", baseline)
        assert (status, "that --record has written" in out) == (2, True), text


def test_a_baseline_measured_by_another_metric_is_refused(corpus: Path, baseline: Path) -> None:
    gate(corpus, baseline, *FORMATS, "--record")
    edit(baseline, lambda said: said.update(metric="ssim-wang2004/0"))
    status, out = gate(corpus, baseline, *FORMATS)
    assert (status, "measured by" in out) == (2, True)


GOOD = Figures(
    bytes=1000,
    quality=70,
    ssim=0.98,
    worst_tile=0.95,
    delta_e_p99=2.0,
    chroma_delta_e=1.5,
    target_met=True,
    chroma="4:2:0",
)


@pytest.mark.parametrize(
    ("after", "reasons"),
    [
        ({}, ()),
        ({"bytes": 1020, "quality": 71}, ()),
        ({"bytes": 1021}, ("bytes",)),
        ({"ssim": 0.9781, "worst_tile": 0.931, "delta_e_p99": 2.29}, ()),
        ({"ssim": 0.9779}, ("SSIM",)),
        ({"worst_tile": 0.92}, ("worst tile",)),
        ({"delta_e_p99": 2.4}, ("ΔE00",)),
        ({"chroma_delta_e": 2.0}, ("chroma ΔE00",)),
        ({"target_met": False}, ("target missed",)),
        ({"ssim": None}, ("not measured",)),
        ({"ssim": 0.999, "bytes": 10}, ()),
    ],
)
def test_each_figure_has_its_tolerance(after: dict[str, Any], reasons: tuple[str, ...]) -> None:
    before, now = (
        Baseline(pictures={"d": Entry(name="a", renders={"webp 80 80": figures})})
        for figures in (GOOD, replace(GOOD, **after))
    )
    [change] = compared(before, now, Tolerances())
    assert change.reasons == reasons
    assert change.state == ("worse" if reasons else "changed" if after else "same")
