"""Every figure against scikit-image on real photographs, and what each of them must notice."""

from __future__ import annotations

import io
import json
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import pyvips
from PIL import Image
from skimage.metrics import peak_signal_noise_ratio

from pipeline.errors import Unmeasurable
from pipeline.quality import METRIC, METRIC_VERSION, Scores, measure
from pipeline.quality import reference as reference_module
from pipeline.quality.reference import Reference
from pipeline.quality.tiles import tile_starts
from tests import images
from tests.images import Pixels
from tests.pipeline.quality.photographs import (
    MORE,
    PHOTOGRAPHS,
    delta_e_of,
    over,
    photograph,
    ssim_of,
    written,
)

_WAYS = (("WEBP", 75), ("JPEG", 80), ("AVIF", 60), ("JPEG", 10))
_ROOT = Path(__file__).parents[3]
_RANDOM = np.random.default_rng(7)


def noisy(pixels: Pixels, amount: float = 12) -> Pixels:
    noise = np.random.default_rng(3).normal(0, amount, pixels.shape)
    return np.clip(pixels + noise, 0, 255).astype(np.uint8)


def tiles_of(values: np.ndarray, margin: int = 0) -> list[float]:
    """This will give means over tiles of 64 px of a map with a value for every pixel, its outermost ones left out."""
    height, width = values.shape
    inner = np.zeros(values.shape, bool)
    inner[margin : height - margin, margin : width - margin] = True
    means = []
    for top, bottom in _spans(height):
        for left, right in _spans(width):
            means.append(float(values[top:bottom, left:right][inner[top:bottom, left:right]].mean()))
    return means


def _spans(length: int) -> list[tuple[int, int]]:
    starts = tile_starts(length).tolist()
    return list(zip(starts, [*starts[1:], length], strict=True))


def assert_agrees(first: Pixels, second: Pixels) -> Scores:
    """This will hold every figure to scikit-image's."""
    found = measure(first, second)
    mean, local = ssim_of(first, second)
    colours = delta_e_of(first, second)
    assert found.ssim == pytest.approx(mean, abs=5e-5)
    assert found.worst_tile == pytest.approx(min(tiles_of(local, margin=5)), abs=5e-5)
    assert found.psnr == pytest.approx(peak_signal_noise_ratio(first, second, data_range=255), abs=1e-4)
    assert found.rmse == pytest.approx(np.sqrt(((first.astype(float) - second) ** 2).mean()), rel=1e-5)
    assert found.delta_e_mean == pytest.approx(colours.mean(), abs=0.005)
    assert found.delta_e_p95 == pytest.approx(np.percentile(colours, 95), abs=0.01)
    assert found.delta_e_p99 == pytest.approx(np.percentile(colours, 99), abs=0.02)
    assert not found.identical
    return found


@pytest.mark.parametrize("name", PHOTOGRAPHS)
@pytest.mark.parametrize("way", _WAYS, ids=lambda way: f"{way[0]}-{way[1]}")
def test_agrees_with_scikit_image_on_photographs(name: str, way: tuple[str, int]) -> None:
    assert_agrees(photograph(name), written(name, *way))


@pytest.mark.images
@pytest.mark.skipif(not MORE, reason="needs the real photographs in ../shared/images")
@pytest.mark.parametrize("way", [("AVIF", 60), ("JPEG", 40)], ids=lambda way: f"{way[0]}-{way[1]}")
@pytest.mark.parametrize("name", MORE)
def test_agrees_with_scikit_image_on_more_photographs(name: str, way: tuple[str, int]) -> None:
    assert_agrees(photograph(name), written(name, *way))


@pytest.mark.parametrize("size", [(11, 11), (12, 300), (64, 74), (75, 43), (300, 13), (129, 97)])
def test_agrees_at_sizes_that_fill_no_strip_and_no_block(size: tuple[int, int]) -> None:
    cut = photograph("coffee.png")[: size[0], : size[1]]
    assert_agrees(cut, noisy(cut))


def test_agrees_on_colours_of_every_kind() -> None:
    first = _RANDOM.integers(0, 256, (120, 90, 3), np.uint8)
    assert_agrees(first, noisy(first, 60))


def test_a_higher_quality_scores_higher_in_everything() -> None:
    scores = [measure(photograph("chelsea.png"), written("chelsea.png", "WEBP", quality)) for quality in (20, 50, 90)]
    for name in ("ssim", "worst_tile", "psnr"):
        values = [getattr(each, name) for each in scores]
        assert values == sorted(values)
    for name in ("rmse", "delta_e_mean", "delta_e_p95", "delta_e_p99", "chroma_delta_e"):
        values = [getattr(each, name) for each in scores]
        assert values == sorted(values, reverse=True)
    assert all(each.worst_tile < each.ssim for each in scores)
    assert all(each.delta_e_mean < each.delta_e_p95 < each.delta_e_p99 for each in scores)


@pytest.mark.parametrize("bands", [1, 2, 3, 4])
def test_equal_pictures_are_identical_and_have_no_psnr(bands: int) -> None:
    picture = _RANDOM.integers(0, 256, (70, 50, bands), np.uint8)
    found = measure(picture, picture.copy())
    assert (found.identical, found.psnr, found.rmse) == (True, None, 0.0)
    assert [found.ssim, found.worst_tile] == pytest.approx([1, 1], abs=1e-6)
    assert (found.delta_e_mean, found.delta_e_p95, found.delta_e_p99, found.chroma_delta_e) == (0, 0, 0, 0)


def test_one_step_in_one_pixel_is_not_identical() -> None:
    picture = photograph("coffee.png")
    other = picture.copy()
    other[200, 300, 1] ^= 1
    found = measure(picture, other)
    assert not found.identical
    assert found.psnr is not None
    assert 80 < found.psnr < 120


def test_a_large_sky_does_not_hide_a_ruined_face() -> None:
    sky = np.full((512, 768, 3), (120, 160, 220), np.uint8)
    sky[64:128, 128:192] = photograph("astronaut.png")[60:124, 190:254]
    ruined = sky.copy()
    ruined[64:128, 128:192] = ruined[64:128, 128:192].mean((0, 1)).astype(np.uint8)
    found = measure(sky, ruined)
    assert found.ssim > 0.97
    assert found.worst_tile < 0.4


def test_colour_that_bleeds_at_one_place_shows_in_the_chroma_though_structure_and_percentiles_are_fine() -> None:
    page = np.full((640, 640, 3), 240, np.uint8)
    page[320:340, 320:380] = (200, 30, 30)
    bled = page.copy()
    grey = (page[320:340, 320:380].astype(float) @ [0.299, 0.587, 0.114]).mean()
    bled[320:340, 320:380] = round(grey)  # the same luma, no colour
    found = measure(page, bled)
    assert found.ssim > 0.99
    assert found.delta_e_p99 < 0.01
    assert found.chroma_delta_e > 5


def test_lightness_alone_is_no_chroma() -> None:
    grey = np.full((64, 64, 3), 100, np.uint8)
    found = measure(grey, grey + 20)
    assert found.delta_e_mean > 5
    assert found.chroma_delta_e < 0.01


def with_alpha(pixels: Pixels) -> Pixels:
    """This will let a photograph fade out to the right."""
    fade = np.linspace(255, 0, pixels.shape[1]).astype(np.uint8)
    return np.dstack([pixels, np.broadcast_to(fade, pixels.shape[:2])])


def test_pictures_with_alpha_are_compared_over_white_and_over_black_and_the_worse_counts() -> None:
    first, second = with_alpha(photograph("coffee.png")), with_alpha(written("coffee.png", "JPEG", 30))
    second[..., 3] = noisy(second[..., 3])
    found = measure(first, second)
    grounds = [assert_agrees(over(first, ground), over(second, ground)) for ground in (255, 0)]
    for name in ("ssim", "worst_tile", "psnr"):
        assert getattr(found, name) == min(getattr(each, name) for each in grounds)
    for name in ("rmse", "delta_e_mean", "delta_e_p95", "delta_e_p99", "chroma_delta_e"):
        assert getattr(found, name) == max(getattr(each, name) for each in grounds)
    assert grounds[0] != grounds[1]


@pytest.mark.parametrize("colour", [0, 255])
def test_a_difference_that_only_one_ground_shows_counts(colour: int) -> None:
    """Black letters on nothing cannot be seen over black, and white ones not over white."""
    first, second = (np.full((60, 60, 4), colour, np.uint8) for _ in range(2))
    first[..., 3] = second[..., 3] = 0
    first[20:40, 20:40, 3] = 255
    found = measure(first, second)
    assert not found.identical
    assert found.ssim < 0.8


def test_hidden_colours_are_not_compared() -> None:
    first = _RANDOM.integers(0, 256, (40, 40, 4), np.uint8)
    first[..., 3] = 0
    second = first.copy()
    second[..., :3] ^= 255
    assert measure(first, second).identical


def test_an_opaque_alpha_and_equal_bands_change_nothing() -> None:
    first, second = photograph("coffee.png"), written("coffee.png", "JPEG", 30)
    opaque = np.dstack([second, np.full(second.shape[:2], 255, np.uint8)])
    assert measure(first, opaque) == measure(first, second)
    grey = first[..., :1]
    assert measure(grey, noisy(grey)) == measure(np.repeat(grey, 3, 2), np.repeat(noisy(grey), 3, 2))
    assert measure(grey[..., 0], noisy(grey)) == measure(grey, noisy(grey))


def test_libvips_images_are_measured_as_arrays_are() -> None:
    first, second = photograph("coffee.png"), written("coffee.png", "JPEG", 30)
    assert measure(images.from_pixels(first), images.from_pixels(second)) == measure(first, second)


@pytest.mark.parametrize("size", [(1, 2), (2, 1), (3, 3), (10, 10), (10, 200), (200, 4), (11, 10)])
def test_a_side_shorter_than_the_window_is_continued_by_its_mirror_image(size: tuple[int, int]) -> None:
    first = photograph("chelsea.png")[100 : 100 + size[0], 100 : 100 + size[1]]
    second = noisy(first, 25)
    found = measure(first, second)
    # scikit-image refuses such sizes; mirrored by hand, its map's middle is what we must find.
    reach = [(12, 12) if side < 11 else (0, 0) for side in size]
    local = ssim_of(*(np.pad(picture, [*reach, (0, 0)], mode="symmetric") for picture in (first, second)))[1]
    within = tuple(slice(12, 12 + side) if side < 11 else slice(5, side - 5) for side in size)
    assert found.ssim == pytest.approx(local[within].mean(), abs=5e-5)


def test_what_cannot_be_compared_is_said() -> None:
    with pytest.raises(Unmeasurable, match=r"one size, received 30 × 20 and 20 × 30 px"):
        measure(np.zeros((20, 30, 3), np.uint8), np.zeros((30, 20, 3), np.uint8))
    with pytest.raises(Unmeasurable, match="a single one has no structure"):
        measure(np.zeros((1, 1, 3), np.uint8), np.zeros((1, 1, 3), np.uint8))
    with pytest.raises(ValueError, match="Expected 8-bit pixels"):
        measure(np.zeros((20, 20, 3)), np.zeros((20, 20, 3)))


def test_kept_statistics_give_the_same_ssim() -> None:
    first = photograph("rocket.jpg")
    kept, not_kept = Reference(first), Reference(first, keep=False)
    for way in _WAYS:
        second = written("rocket.jpg", *way)
        assert kept.ssim(second) == not_kept.ssim(second)
        assert kept.ssim(second) == pytest.approx(measure(first, second).ssim, abs=1e-6)
    faded = with_alpha(written("rocket.jpg", "JPEG", 80))
    assert kept.ssim(faded) == pytest.approx(measure(first, faded).ssim, abs=1e-6)
    assert Reference(faded).ssim(first) == pytest.approx(measure(faded, first).ssim, abs=1e-6)


def test_no_statistics_are_kept_of_what_is_too_large_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = photograph("coffee.png"), written("coffee.png", "JPEG", 30)
    monkeypatch.setattr(reference_module, "KEPT_MEGAPIXELS", 0.1)
    large = Reference(first)
    assert large.ssim(second) == Reference(first, keep=False).ssim(second)
    assert not any(each._kept for each in large._by_ground.values())


def test_scores_cross_between_processes_and_into_json() -> None:
    found = measure(photograph("coffee.png"), written("coffee.png", "WEBP", 75))
    assert pickle.loads(pickle.dumps(found)) == found
    told = json.loads(json.dumps(found.as_dict(), allow_nan=False))
    assert told["ssim"] == pytest.approx(found.ssim, abs=1e-6)
    assert (told["identical"], told["metric"], told["metric_version"]) == (False, METRIC, METRIC_VERSION)
    assert set(told) == set(Scores.__dataclass_fields__) - {"also"}  # nobody asked for more
    assert measure(*[photograph("coffee.png")] * 2).as_dict()["psnr"] is None


def test_a_file_decoded_by_another_library_measures_the_same() -> None:
    """The figures are of pixels, whoever decoded them."""
    out = io.BytesIO()
    Image.fromarray(photograph("astronaut.png")).save(out, "PNG")
    assert measure(images.pixels_of(out.getvalue()), photograph("astronaut.png")).identical


def test_importing_the_names_loads_neither_numpy_nor_libvips() -> None:
    """The web process has them in its hands and never touches a pixel."""
    program = (
        "import sys, pipeline.pool, pipeline.quality, pipeline.rendition, pipeline.targets\n"
        "print([name for name in ('numpy', 'pyvips') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=_ROOT)
    assert done.stdout == "[]\n"


def test_a_single_grey_pixel_is_refused_like_any_other() -> None:
    """Of its array libvips drops every dimension."""
    dot = pyvips.Image.black(1, 1).cast("uchar")
    with pytest.raises(Unmeasurable):
        measure(dot, dot)
