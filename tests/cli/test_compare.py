"""`imgopt compare A B`."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.cli.conftest import Imgopt, names, photo
from tests.images import encoded, from_pixels, oriented, pixels_of, quadrants, scene


@pytest.fixture
def pair(folder: Path) -> tuple[Path, Path]:
    """A picture, and one that differs from it in a square of 20 px at (20, 40)."""
    pixels = scene(120, 90).numpy().copy()
    (folder / "a.png").write_bytes(encoded(from_pixels(pixels), "png"))
    pixels[40:60, 20:40] = (0, 255, 0)
    (folder / "b.png").write_bytes(encoded(from_pixels(pixels), "png"))
    return folder / "a.png", folder / "b.png"


def test_prints_every_score_and_writes_both_maps(imgopt: Imgopt, folder: Path, pair: tuple[Path, Path]) -> None:
    ended = imgopt("compare", "a.png", "b.png")
    assert ended.status == 0, ended.err
    for label in ("size", "bytes", "SSIM", "worst tile", "PSNR", "RMSE", "ΔE00", "95th", "99th", "chroma ΔE00"):
        assert label in ended.out
    assert names(folder) == ["a.png", "b.png", "b.png.delta-e.png", "b.png.ssim.png"]
    for name in ("b.png.ssim.png", "b.png.delta-e.png"):
        heat = pixels_of((folder / name).read_bytes()).sum(axis=2)
        assert heat.shape == (90, 120)
        assert heat[45:55, 25:35].mean() > 150
        assert heat[:30].max() == heat[:, 60:].max() == 0


def test_json_has_the_scores_alone(imgopt: Imgopt, folder: Path, pair: tuple[Path, Path]) -> None:
    report = imgopt("compare", "a.png", "b.png", "--json", "--no-maps").json
    assert report["result"] == {"path": "b.png", "bytes": (folder / "b.png").stat().st_size}
    assert (report["width"], report["height"], report["maps"]) == (120, 90, {})
    assert 0.8 < report["scores"]["ssim"] < 1
    assert report["scores"]["identical"] is False
    assert report["scores"]["delta_e_p99"] > report["scores"]["delta_e_p95"] == 0
    assert names(folder) == ["a.png", "b.png"]


def test_a_picture_is_identical_to_itself_in_another_lossless_format(imgopt: Imgopt, folder: Path) -> None:
    photo(folder / "a.png", 60, 40)
    (folder / "b.bmp").write_bytes(encoded(scene(60, 40), "bmp"))
    ended = imgopt("compare", "a.png", "b.bmp", "--out", "maps")
    assert "PSNR         identical" in ended.out
    assert names(folder / "maps") == ["b.bmp.delta-e.png", "b.bmp.ssim.png"]


def test_pictures_are_compared_upright(imgopt: Imgopt, folder: Path) -> None:
    (folder / "a.png").write_bytes(encoded(quadrants(90, 60), "png"))
    (folder / "b.jpg").write_bytes(oriented(quadrants(90, 60), 6))
    assert imgopt("compare", "a.png", "b.jpg", "--no-maps", "--json").json["scores"]["ssim"] > 0.95


def test_profiles_are_applied(imgopt: Imgopt, folder: Path, shared_images: Path) -> None:
    for name in ("colorchecker_ECI_RGB_v2.jpg", "colorchecker_sRGB.jpg"):
        shutil.copy(shared_images / "colour" / name, folder / name)
    line = ("compare", "colorchecker_sRGB.jpg", "colorchecker_ECI_RGB_v2.jpg", "--no-maps", "--json")
    assert imgopt(*line).json["scores"]["delta_e_mean"] < 2


def test_two_sizes_are_told_in_a_sentence(imgopt: Imgopt, folder: Path) -> None:
    photo(folder / "a.png", 60, 40)
    photo(folder / "b.png", 30, 20)
    ended = imgopt("compare", "a.png", "b.png")
    assert ended.status == 1
    assert ended.err == "imgopt: Expected two pictures of one size, received 60 × 40 and 30 × 20 px.\n"
    assert names(folder) == ["a.png", "b.png"]


def test_says_which_of_the_two_is_wrong(imgopt: Imgopt, folder: Path) -> None:
    photo(folder / "a.png", 60, 40)
    (folder / "b.png").write_bytes(b"no picture")
    assert imgopt("compare", "a.png", "b.png").err.startswith("imgopt: b.png: Expected a JPEG")
    assert imgopt("compare", "c.png", "a.png").err == (
        "imgopt: c.png: Expected a file or folder: No such file or directory.\n"
    )
    assert imgopt("compare", ".", "a.png").err == "imgopt: .: Expected a file, received a folder.\n"


def test_a_map_never_replaces_one_of_the_pictures(imgopt: Imgopt, folder: Path) -> None:
    before = photo(folder / "b.png.ssim.png", 60, 40).read_bytes()
    photo(folder / "b.png", 60, 40)
    ended = imgopt("compare", "b.png.ssim.png", "b.png")
    assert ended.status == 2
    assert (folder / "b.png.ssim.png").read_bytes() == before


def test_transparency_counts(imgopt: Imgopt, folder: Path) -> None:
    (folder / "a.png").write_bytes(encoded(quadrants(60, 40, alpha=255), "png"))
    (folder / "b.png").write_bytes(encoded(quadrants(60, 40, alpha=100), "png"))
    scores = imgopt("compare", "a.png", "b.png", "--no-maps", "--json").json["scores"]
    assert scores["delta_e_mean"] > 5
    assert np.isfinite(scores["psnr"])


def test_a_further_metric_stands_beside_the_scores(imgopt: Imgopt, pair: tuple[Path, Path]) -> None:
    report = imgopt("compare", "a.png", "b.png", "--json", "--no-maps", "--metric", "ssimulacra2").json
    told = report["scores"]["also"]["ssimulacra2"]
    assert told["score"] < 90
    assert told["version"]
    out = imgopt("compare", "a.png", "b.png", "--no-maps", "--metric=ssimulacra2").out
    assert f"ssimulacra2  {told['score']:g}" in out


def test_an_unknown_metric_is_a_usage_error(imgopt: Imgopt, pair: tuple[Path, Path]) -> None:
    ended = imgopt("compare", "a.png", "b.png", "--metric", "vmaf")
    assert ended.status == 2
    assert "ssimulacra2, received 'vmaf'" in ended.err
