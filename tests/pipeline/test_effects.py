"""What each effect looks like, on every kind of picture."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageSequence

from pipeline.spec import Border
from tests import images
from tests.pipeline.asking import rendered

_ALL = frozenset({"jpeg", "png", "webp", "gif", "avif"})
_SCENE = images.encoded(images.scene(), "png")
_LEVELS = images.from_pixels(np.arange(256, dtype=np.uint8).reshape(16, 16, 1).repeat(3, axis=2))
_RAMP = images.encoded(_LEVELS, "png")
RED = (255, 0, 0, 255)


def rgba(data: bytes, **spec: Any) -> Any:
    return images.pixels_of(rendered(data, **spec).body, mode="RGBA").astype(int)


def luma(pixels: Any) -> Any:
    return pixels[..., :3] @ np.array([0.2126, 0.7152, 0.0722])


EFFECTS: list[dict[str, Any]] = [
    {"brightness": 30},
    {"contrast": 30},
    {"gamma": 30},
    {"saturation": 60},
    {"monochrome": RED},
    {"duotone": ((0, 0, 90, 255), RED)},
    {"pixelate": 8},
    {"border": Border(width=4, colour=RED)},
    {"mask": "circle"},
    {"mask": "corners", "corner_radius": (9, 9, 9, 9)},
    {"text": "Mark"},
]


@pytest.mark.parametrize("name", ["brightness", "contrast", "gamma", "saturation"])
def test_nought_changes_nothing_and_more_is_more(name):
    measures: dict[str, Any] = {"brightness": np.mean, "contrast": np.std, "gamma": np.mean}
    measure = measures.get(name, lambda pixels: np.ptp(pixels, axis=2).mean())
    found = [measure(rgba(_SCENE, **{name: amount})[..., :3]) for amount in (-90, -50, 0, 50, 90)]
    assert found == sorted(found)
    assert len(set(found)) == 5
    assert np.array_equal(rgba(_SCENE, **{name: 0}), rgba(_SCENE))


def test_brightness_contrast_and_gamma_follow_their_formulas():
    levels = np.arange(256).reshape(16, 16)
    assert np.array_equal(rgba(_RAMP, brightness=-20)[..., 0], np.clip(levels - 51, 0, 255))
    assert np.abs(rgba(_RAMP, contrast=50)[..., 1] - np.clip(127.5 + 1.5 * (levels - 127.5), 0, 255)).max() <= 1
    assert np.abs(rgba(_RAMP, gamma=100)[..., 2] - 255 * (levels / 255) ** 0.5).max() <= 1
    assert set(np.unique(rgba(_SCENE, contrast=-100)[..., :3])) == {128}


def test_no_saturation_is_grey_of_the_same_luma():
    grey = rgba(_SCENE, saturation=-100)
    assert np.ptp(grey[..., :3], axis=2).max() == 0
    assert np.abs(grey[..., 0] - luma(rgba(_SCENE))).max() <= 0.51


def test_monochrome_keeps_each_pixels_luma_and_has_one_hue():
    sepia = rgba(_SCENE, monochrome=(112, 66, 20, 255))
    assert np.abs(luma(sepia) - luma(rgba(_SCENE))).max() <= 1.1
    inner = sepia[(luma(sepia) > 30) & (luma(sepia) < 225)]
    assert (inner[:, 0] > inner[:, 1]).all()
    assert (inner[:, 1] > inner[:, 2]).all()


def test_the_alpha_of_a_monochrome_colour_is_its_strength():
    plain, half, full = (rgba(_SCENE, monochrome=(255, 0, 0, alpha)) for alpha in (0, 128, 255))
    assert np.array_equal(plain, rgba(_SCENE))
    assert np.abs(half - (plain + full) / 2).max() <= 1.5


def test_duotone_maps_black_and_white_to_its_colours():
    dark, light = (0, 0, 128, 255), (250, 128, 114, 255)
    toned = rgba(_RAMP, duotone=(dark, light))
    assert tuple(toned[0, 0]) == dark
    assert tuple(toned[15, 15]) == light
    assert np.abs(toned[8, 0] - (np.array(dark) + light) / 2).max() <= 1
    half = rgba(_RAMP, duotone=(dark, light), duotone_alpha=50)
    assert np.abs(half - (toned + rgba(_RAMP)) / 2).max() <= 1


def test_pixelate_makes_squares_of_their_mean_colour():
    pixels, source = rgba(_SCENE, pixelate=20), rgba(_SCENE)
    for top in range(0, 120, 20):
        for left in range(0, 160, 20):
            square = pixels[top : top + 20, left : left + 20, :3].reshape(-1, 3)
            assert np.ptp(square, axis=0).max() == 0
            mean = source[top : top + 20, left : left + 20, :3].reshape(-1, 3).mean(axis=0)
            assert np.abs(square[0] - mean).max() <= 1
    assert np.array_equal(rgba(_SCENE, pixelate=1), source)


def test_squares_that_do_not_divide_the_picture_are_cut():
    assert rgba(_SCENE, pixelate=100).shape == (120, 160, 4)
    assert np.ptp(rgba(_SCENE, pixelate=7)[119, 154:160, :3], axis=0).max() == 0


def test_hidden_colours_take_no_part_in_squares():
    pixels = np.zeros((40, 40, 4), np.uint8)
    pixels[:, :20], pixels[:, 20:] = (255, 255, 255, 255), (255, 0, 0, 0)
    found = rgba(images.encoded(images.from_pixels(pixels), "png"), pixelate=40)
    assert found[0, 0, :3].min() >= 254
    assert abs(found[0, 0, 3] - 128) <= 1


def test_a_circle_keeps_its_middle_and_leaves_nothing_at_its_corners():
    pixels = rgba(_SCENE, mask="circle")
    assert pixels.shape == (120, 160, 4)
    assert [pixels[place][3] for place in ((0, 0), (0, 159), (119, 0), (119, 159), (60, 18))] == [0] * 5
    assert pixels[60, 80, 3] == pixels[2, 80, 3] == pixels[60, 22, 3] == 255
    assert np.array_equal(pixels[60, 80], rgba(_SCENE)[60, 80])


def test_an_ellipse_touches_all_four_sides():
    alpha = rgba(_SCENE, mask="ellipse")[..., 3]
    assert min(alpha[1, 80], alpha[118, 80], alpha[60, 1], alpha[60, 158]) == 255
    assert alpha[10, 10] == 0


def test_corners_are_rounded_each_by_its_own_radius():
    alpha = rgba(_SCENE, mask="corners", corner_radius=(40, 0, 10, 0))[..., 3]
    assert [alpha[0, 0], alpha[0, 159], alpha[119, 159], alpha[119, 0]] == [0, 255, 0, 255]
    assert (alpha[10, 5], alpha[114, 154]) == (0, 255)


@pytest.mark.parametrize("background", [(0, 200, 0, 255), (90, 90, 90, 255), (0, 200, 0, 128), (0, 0, 0, 0)])
@pytest.mark.parametrize("picture", [images.quadrants(), images.quadrants(alpha=128), images.grey()])
def test_outside_a_mask_lies_the_background(background, picture):
    pixels = rgba(images.encoded(picture, "png"), mask="circle", background=background)
    found = [pixels[0, 0], pixels[47, 63]]
    if background[3]:
        assert images.are_near(found, [background] * 2, tolerance=1)
    else:
        assert [int(colour[3]) for colour in found] == [0, 0]
    unmasked = rgba(images.encoded(picture, "png"), background=background)
    assert images.are_near([pixels[24, 20]], [unmasked[24, 20]], tolerance=1)


def test_a_mask_is_white_outside_where_the_format_has_no_alpha():
    pixels = images.pixels_of(rendered(_SCENE, "jpeg", mask="circle").body)
    assert images.are_near([pixels[0, 0], pixels[119, 159]], [(255, 255, 255)] * 2, tolerance=3)


def test_a_border_lies_on_the_pictures_edge_and_keeps_its_size():
    pixels = rgba(_SCENE, border=Border(width=7, colour=(10, 200, 30, 255)))
    assert pixels.shape == (120, 160, 4)
    edge = np.ones((120, 160), bool)
    edge[7:-7, 7:-7] = False
    assert (pixels[edge] == (10, 200, 30, 255)).all()
    assert np.array_equal(pixels[~edge], rgba(_SCENE)[~edge])


def test_a_border_that_is_too_wide_covers_all():
    assert (rgba(_SCENE, border=Border(width=1000, colour=RED)) == RED).all()


@pytest.mark.parametrize("picture", [images.quadrants(), images.quadrants(alpha=255)])
def test_a_translucent_border_is_mixed_with_the_picture(picture):
    plain = rgba(images.encoded(picture, "png"))
    pixels = rgba(images.encoded(picture, "png"), border=Border(width=3, colour=(255, 0, 0, 128)))
    assert np.abs(pixels[0, 0, :3] - (plain[0, 0, :3] + (255, 0, 0)) / 2).max() <= 2


def test_a_border_follows_the_mask():
    pixels = rgba(_SCENE, mask="circle", border=Border(width=6, colour=RED))
    assert images.are_near([pixels[2, 80], pixels[117, 80], pixels[60, 23], pixels[60, 137]], [RED] * 4, tolerance=1)
    assert np.array_equal(pixels[60, 80], rgba(_SCENE)[60, 80])
    assert pixels[0, 0, 3] == 0


def test_the_margin_lies_around_border_and_mask():
    pixels = rgba(_SCENE, mask="circle", border=Border(width=6, colour=RED), pad=10, background=(0, 0, 90, 255))
    assert pixels.shape == (140, 180, 4)
    assert images.are_near([pixels[5, 90], pixels[12, 12]], [(0, 0, 90, 255)] * 2, tolerance=1)
    assert images.are_near([pixels[12, 90]], [RED], tolerance=1)


def test_tones_come_before_detail_and_before_the_ground():
    # Blue bars of a letterbox are no part of the picture, so a duotone leaves them alone.
    pixels = rgba(_SCENE, width=160, height=200, fit="fill", background=(0, 0, 255, 255),
                  duotone=((0, 0, 0, 255), (255, 255, 255, 255)))  # fmt: skip
    assert tuple(pixels[2, 2]) == (0, 0, 255, 255)
    assert np.ptp(pixels[100, 80, :3]) == 0


@pytest.mark.parametrize("spec", EFFECTS, ids=lambda spec: next(iter(spec)))
class TestOnEveryKindOfPicture:
    def test_alpha_is_kept(self, spec):
        picture = images.quadrants(80, 60, alpha=90)
        pixels = rgba(images.encoded(picture, "png"), **spec)
        assert (pixels[30, 20, 3], pixels[30, 60, 3]) == (255, 90)

    def test_grey_gives_what_its_rgb_gives(self, spec):
        grey = images.grey(80, 60)
        wide = images.from_pixels(grey.numpy().reshape(60, 80, 1).repeat(3, axis=2))
        one, three = rgba(images.encoded(grey, "png"), **spec), rgba(images.encoded(wide, "png"), **spec)
        assert np.abs(one - three).max() <= 2

    def test_sixteen_bits_give_what_eight_give(self, spec):
        scene = images.scene()
        deep = images.encoded(scene.colourspace("rgb16"), "png")
        assert np.abs(rgba(deep, **spec) - rgba(_SCENE, **spec)).max() <= 2

    @pytest.mark.parametrize("output_format", ["gif", "webp"])
    def test_every_frame_is_changed(self, spec, output_format):
        frames = [images.quadrants(80, 60), images.quadrants(80, 60).fliphor(), images.quadrants(80, 60).flipver()]
        data = images.animation("gif", frames)
        plain = rendered(data, output_format, quality=95)
        changed = rendered(data, output_format, quality=95, **spec)
        assert changed.pages == 3
        for before, after in zip(_frames(plain.body), _frames(changed.body), strict=True):
            assert images.difference(before, after) > 0.05

    def test_the_sources_own_bytes_are_not_served(self, spec):
        small = images.encoded(images.scene(), "jpeg", Q=15)
        assert rendered(small, "png", source_formats=_ALL).passthrough
        assert not rendered(small, "png", source_formats=_ALL, **spec).passthrough


def test_cmyk_can_be_changed_in_every_way_at_once():
    out = io.BytesIO()
    Image.fromarray(images.scene(96, 64).numpy()).convert("CMYK").save(out, "TIFF")
    spec = {name: value for effect in EFFECTS for name, value in effect.items()}
    pixels = rgba(out.getvalue(), **spec)
    assert pixels.shape == (64, 96, 4)
    assert pixels[0, 0, 3] < 255
    assert tuple(pixels[32, 1]) == RED


def _frames(body: bytes) -> list[Any]:
    frames = []
    for frame in ImageSequence.Iterator(Image.open(io.BytesIO(body))):
        ground = Image.new("RGBA", frame.size, (255, 255, 255, 255))
        frames.append(np.asarray(Image.alpha_composite(ground, frame.convert("RGBA")).convert("RGB")))
    return frames


@pytest.mark.images
@pytest.mark.skipif(not images.SHARED.is_dir(), reason="needs the real photographs in ../shared/images")
@pytest.mark.parametrize("spec", EFFECTS, ids=lambda spec: next(iter(spec)))
def test_a_photograph_stays_a_photograph(spec):
    data = (images.SHARED / "photos" / "gps_exif_DSCN0010.jpg").read_bytes()
    plain, changed = rendered(data, "webp", width=320), rendered(data, "webp", width=320, **spec)
    assert (changed.width, changed.height) == (plain.width, plain.height)
    assert images.difference(images.pixels_of(plain.body), images.pixels_of(changed.body)) > 0.1
    assert images.hash_distance(plain.body, changed.body) <= 24
