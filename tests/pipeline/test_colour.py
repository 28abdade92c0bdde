"""Profiles are applied, at the output size, and give what other colour engines give."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms
from skimage.color import deltaE_ciede2000, rgb2lab

from pipeline import profiles
from pipeline.inspect import inspect
from pipeline.signalled import signalled_profile
from pipeline.spec import Rect
from tests import images
from tests.pipeline.asking import LIMITS, rendered

_P3 = ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), (0.3127, 0.3290))
_BT709 = ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06), (0.3127, 0.3290))
_COLOUR = images.SHARED / "colour"
_needs_photos = pytest.mark.skipif(not _COLOUR.is_dir(), reason="needs ../shared/images")


def delta_e(first: images.Pixels, second: images.Pixels) -> float:
    """This will return the mean CIEDE2000 of two sRGB pictures."""
    return float(deltaE_ciede2000(rgb2lab(first), rgb2lab(second)).mean())


def _with_profile(profile: bytes, source_format: str = "png") -> bytes:
    return images.encoded(images.with_profile(images.quadrants(), profile), source_format)


def _by_pillow(pixels: images.Pixels, profile: bytes) -> images.Pixels:
    picture = ImageCms.profileToProfile(
        Image.fromarray(pixels),
        io.BytesIO(profile),
        ImageCms.createProfile("sRGB"),
        renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
        outputMode="RGB",
        flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
    )
    assert picture is not None
    return np.asarray(picture)


@pytest.mark.parametrize("source_format", ["png", "jpeg", "webp", "tiff"])
def test_a_channel_swapping_profile_that_calls_itself_srgb_is_applied(source_format):
    result = rendered(_with_profile(images.channel_swapping_profile(), source_format))
    red, green, _, _ = images.corners_of(result.body)
    assert red[1] > red[0] + 60, "the red quarter must look green"
    assert green[0] > green[1] + 60, "the green quarter must look red"


@pytest.mark.parametrize("output_format", ["jpeg", "webp", "avif", "png", "gif"])
def test_the_profile_is_applied_for_every_output_and_none_is_left(output_format):
    result = rendered(_with_profile(images.channel_swapping_profile()), output_format)
    assert "icc_profile" not in images.opened(result.body).info
    assert images.corners_of(result.body)[0][1] > 150


def test_srgb_pixels_are_not_touched():
    result = rendered(_with_profile(images.srgb_profile()))
    assert np.array_equal(images.pixels_of(result.body), images.quadrants().numpy())


@pytest.mark.parametrize(
    ("primaries", "curve"),
    [(_P3, profiles.srgb), (_P3, lambda x: x**2.2), (_BT709, lambda x: x**1.8), (_BT709, profiles.pq)],
)
def test_matrix_profiles_give_what_another_engine_gives(primaries, curve):
    profile = profiles.build("Test", primaries, curve)
    result = rendered(images.encoded(images.with_profile(images.scene(), profile), "png"))
    expected = _by_pillow(images.scene().numpy(), profile)
    assert delta_e(images.pixels_of(result.body), expected) < 0.3
    assert delta_e(images.scene().numpy(), expected) > 1.0


def test_grey_with_a_profile_stays_one_channel():
    source = images.with_profile(images.grey(), profiles.build("Grey", _BT709, lambda x: x**1.4, grey=True))
    result = rendered(images.encoded(source, "jpeg", Q=100), "jpeg", quality=95)
    assert images.opened(result.body).mode == "L"
    light = (images.grey().numpy() / 255.0) ** 1.4
    expected = np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055) * 255
    assert np.abs(images.pixels_of(result.body)[..., 0] - expected).mean() < 2.5


def test_alpha_is_kept_beside_a_profile():
    source = images.with_profile(images.quadrants(alpha=77), images.channel_swapping_profile())
    pixels = images.pixels_of(rendered(images.encoded(source, "png")).body, mode="RGBA")
    assert set(np.unique(pixels[..., 3])) == {77, 255}
    assert pixels[5, 5, 1] > pixels[5, 5, 0]


@pytest.mark.parametrize("alpha", [None, 77])
@pytest.mark.parametrize("managed", [False, True])
def test_sixteen_bits_become_eight_of_the_same_colour(alpha, managed):
    source = images.quadrants(alpha=alpha).colourspace("rgb16")
    if managed:
        source = images.with_profile(source, images.channel_swapping_profile())
    result = rendered(images.encoded(source, "png"))
    pixels = images.pixels_of(result.body, mode="RGBA")
    assert pixels[5, 60, 3] == (255 if alpha is None else alpha)
    if not managed:
        assert np.abs(pixels[..., :3].astype(int) - images.quadrants().numpy()).max() <= 1
    else:
        assert pixels[5, 5, 1] > pixels[5, 5, 0]


def test_sixteen_bit_grey_with_alpha_keeps_both():
    grey16 = images.grey().bandjoin(128).colourspace("grey16")
    pixels = images.pixels_of(rendered(images.encoded(grey16, "png")).body, mode="RGBA")
    assert np.abs(pixels[..., 0].astype(int) - images.grey().numpy()).max() <= 1
    assert set(np.unique(pixels[..., 3])) <= {127, 128}


@pytest.mark.parametrize(
    "profile",
    [
        b"not a profile at all" * 20,
        images.srgb_profile()[:200],
        images.srgb_profile().replace(b"RGB XYZ ", b"GRAYXYZ "),
        images.srgb_profile().replace(b"RGB XYZ ", b"CMYKLab "),
        images.srgb_profile().replace(b"curv", b"XXXX").replace(b"para", b"XXXX"),
    ],
)
def test_a_profile_that_cannot_be_used_counts_as_srgb(profile):
    result = rendered(_with_profile(profile, "jpeg"))
    assert images.are_near(
        images.corners_of(result.body), [images.RED, images.GREEN, images.BLUE, images.YELLOW], tolerance=12
    )


def test_a_colour_profile_in_a_grey_picture_counts_as_srgb():
    source = images.with_profile(images.grey(), images.channel_swapping_profile())
    pixels = images.pixels_of(rendered(images.encoded(source, "png")).body)
    assert np.array_equal(pixels[..., 0], images.grey().numpy())


def test_a_screens_profile_in_a_print_picture_is_ignored():
    plain = images.quadrants().colourspace("cmyk")
    wrong = images.with_profile(plain, images.channel_swapping_profile())
    first, second = (images.pixels_of(rendered(images.encoded(each, "tiff")).body) for each in (plain, wrong))
    assert images.difference(first, second) < 2


@pytest.mark.parametrize("adobe_inverted", [False, True])
def test_cmyk_is_not_shown_inverted(adobe_inverted):
    if adobe_inverted:  # Pillow writes Adobe's marker, and with it inverted samples
        out = io.BytesIO()
        Image.fromarray(images.quadrants().numpy()).convert("CMYK").save(out, "JPEG", quality=95)
        data = out.getvalue()
        assert b"Adobe" in data
    else:
        data = images.encoded(images.quadrants().colourspace("cmyk"), "tiff")
    found = images.corners_of(rendered(data).body)
    wanted = [images.RED, images.GREEN, images.BLUE, images.YELLOW]
    assert np.corrcoef(np.ravel(found), np.ravel(wanted))[0, 1] > 0.9


def test_lab_is_shown_in_its_colours():
    data = images.encoded(images.quadrants().colourspace("lab").colourspace("labs"), "tiff")
    assert inspect(data, LIMITS).colour_space == "lab"
    found = images.corners_of(rendered(data).body)
    assert images.are_near(found, [images.RED, images.GREEN, images.BLUE, images.YELLOW], tolerance=2)


@pytest.mark.parametrize(("primaries", "name"), [(12, "Display P3"), (9, "BT.2020")])
def test_an_avif_that_states_its_colours_without_a_profile_is_managed(primaries, name):
    plain = images.encoded(images.scene(), "avif")
    stated = images.with_nclx(plain, primaries, 13)
    info = inspect(stated, LIMITS)
    assert (info.is_srgb, name in info.profile) == (False, True)
    decoded = images.pixels_of(rendered(plain).body)
    profile = signalled_profile(stated, "avif")
    assert profile is not None
    found = images.pixels_of(rendered(stated).body)
    assert delta_e(found, _by_pillow(decoded, profile)) < 0.3
    assert delta_e(found, decoded) > 1.0


@pytest.mark.parametrize("transfer", [1, 2, 6, 13])
def test_an_avif_with_ordinary_code_points_is_srgb(transfer):
    assert inspect(images.with_nclx(images.encoded(images.scene(), "avif"), 1, transfer), LIMITS).is_srgb


@pytest.mark.parametrize("transfer", [16, 18])
def test_bright_transfer_functions_put_white_paper_near_white(transfer):
    signal = {16: 0.58, 18: 0.75}[transfer]  # diffuse white by ITU-R BT.2408
    paper = images.from_pixels(np.full((32, 32, 3), round(255 * signal), np.uint8))
    data = images.with_nclx(images.encoded(paper, "avif"), 9, transfer)
    assert images.pixels_of(rendered(data).body).mean() > 248


def test_a_png_chunk_for_wide_colours_is_followed_and_outweighs_a_profile():
    png = images.encoded(images.with_profile(images.scene(), images.srgb_profile()), "png")
    found = images.pixels_of(rendered(images.with_png_chunk(png, b"cICP", bytes([12, 13, 0, 1]))).body)
    expected = _by_pillow(images.scene().numpy(), profiles.build("P3", _P3, profiles.srgb))
    assert delta_e(found, expected) < 0.3


@pytest.mark.parametrize("mode", ["rgb", "grey"])
def test_the_gamma_of_a_png_is_followed(mode):
    source = images.scene() if mode == "rgb" else images.grey()
    png = images.with_png_chunk(images.encoded(source, "png"), b"gAMA", struct.pack(">I", 100000))
    light = source.numpy().reshape(source.height, source.width, -1) / 255.0
    expected = np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055) * 255
    assert not inspect(png, LIMITS).is_srgb
    assert np.abs(images.pixels_of(rendered(png).body) - expected).mean() < 1.5


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        (b"gAMA", struct.pack(">I", 45455)),
        (b"gAMA", struct.pack(">I", 0)),
        (b"gAMA", struct.pack(">I", 4)),
        (b"cHRM", struct.pack(">8I", 31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000)),
        (b"cHRM", bytes(32)),
        (b"sRGB", b"\0"),
        (b"cICP", bytes([1, 13, 0, 1])),
    ],
)
def test_png_chunks_that_say_srgb_or_nonsense_change_nothing(kind, content):
    png = images.with_png_chunk(images.encoded(images.scene(), "png"), kind, content)
    assert inspect(png, LIMITS).is_srgb
    assert np.array_equal(images.pixels_of(rendered(png).body), images.scene().numpy())


def test_colour_at_output_size_differs_little_from_colour_at_full_size():
    profile = profiles.build("P3", _P3, lambda x: x**2.2)
    source = images.scene(640, 480)
    after = images.pixels_of(rendered(images.encoded(images.with_profile(source, profile), "png"), width=160).body)
    managed_first = images.from_pixels(_by_pillow(source.numpy(), profile))
    before = images.pixels_of(rendered(images.encoded(managed_first, "png"), width=160).body)
    assert delta_e(after, before) < 0.5


@_needs_photos
@pytest.mark.images
@pytest.mark.parametrize(
    "name",
    [
        "BSG1.tiff",
        "Channel_digital_image_CMYK_color.jpg",
        "P3-sRGB-color-ring.jpg",
        "adobergb_xmp_test.jpg",
        "cmyk-icc.jpg",
        "colorchecker_ECI_RGB_v2.jpg",
        "dog_and_lake_cmyk_with_icc_profile.jpg",
        "fogra-0-100-100-0.tif",
        "grayscale-icc.jpg",
        "jpg-24bit-icc-adobe-rgb.jpg",
        "red-at-12-oclock-with-color-profile.jpg",
        "sample-xyb.jpg",
        "sample_a98.jpg",
    ],
)
def test_real_profiles_give_what_pillows_engine_gives(name):
    data = (_COLOUR / name).read_bytes()
    source = Image.open(io.BytesIO(data))
    profile = source.info["icc_profile"]
    area = Rect(left=source.width // 4, top=source.height // 4, width=source.width // 2, height=source.height // 2)
    converted = ImageCms.profileToProfile(
        source.convert("RGB") if source.mode == "RGBA" else source,
        io.BytesIO(profile),
        ImageCms.createProfile("sRGB"),
        renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
        outputMode="RGB",
        flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
    )
    assert converted is not None
    ours = images.pixels_of(rendered(data, rect=area).body)
    expected = np.asarray(converted)[area.top : area.top + area.height, area.left : area.left + area.width]
    assert delta_e(ours[::4, ::4], expected[::4, ::4]) < 0.5


@_needs_photos
@pytest.mark.images
def test_the_same_chart_in_two_colour_spaces_comes_out_the_same():
    wide, plain = ((_COLOUR / name).read_bytes() for name in ("colorchecker_ECI_RGB_v2.jpg", "colorchecker_sRGB.jpg"))
    managed = delta_e(images.pixels_of(rendered(wide).body), images.pixels_of(rendered(plain).body))
    ignored = delta_e(np.asarray(Image.open(io.BytesIO(wide))), images.pixels_of(rendered(plain).body))
    assert managed < 1.5  # two JPEGs of one chart, with their own noise
    assert managed < ignored / 3


@_needs_photos
@pytest.mark.images
def test_print_colours_without_a_profile_look_like_those_with_one():
    with_profile, without = (
        rendered((_COLOUR / f"Channel_digital_image_CMYK_color{end}.jpg").read_bytes(), width=200)
        for end in ("", "_no_profile")
    )
    assert delta_e(images.pixels_of(with_profile.body), images.pixels_of(without.body)) < 8
    assert images.hash_distance(with_profile.body, without.body) <= 4


@_needs_photos
@pytest.mark.images
@pytest.mark.parametrize("name", ["hilutite.icm", "invalid-illuminant.icc"])
def test_odd_profiles_embedded_in_a_picture_do_not_fail_it(name):
    profile = Path(_COLOUR / name).read_bytes()
    result = rendered(images.encoded(images.with_profile(images.scene(), profile), "jpeg"))
    assert (result.width, result.height) == (160, 120)
