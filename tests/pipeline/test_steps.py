"""Each step does what its name says, and only that."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from pipeline.ladder import resolve
from pipeline.limits import Limits
from pipeline.order import Source
from pipeline.params import parse
from pipeline.phases import Phases
from pipeline.production import drawn
from pipeline.render import RenderRequest
from pipeline.spec import Rect
from tests import images
from tests.pipeline.asking import rendered

_COLOURS = (images.RED, images.GREEN, images.BLUE, images.YELLOW)
_SQUARE = images.encoded(images.quadrants(64, 64), "png")


def _order(body: bytes) -> str:
    """This will name the quarters by their colours: top left, top right, bottom left, bottom right."""
    found = images.corners_of(body)
    return "".join(
        next((name for name, colour in zip("RGBY", _COLOURS, strict=True) if images.are_near([corner], [colour])), "?")
        for corner in found
    )


@pytest.mark.parametrize(
    ("rotate", "flip", "expected"),
    [
        (0, "", "RGBY"),
        (90, "", "GYRB"),  # counter-clockwise: the right side comes up
        (180, "", "YBGR"),
        (270, "", "BRYG"),
        (0, "h", "GRYB"),
        (0, "v", "BYRG"),
        (0, "hv", "YBGR"),
        (90, "h", "YGBR"),
    ],
)
def test_turns_counter_clockwise_and_then_flips(rotate, flip, expected):
    assert _order(rendered(_SQUARE, rotate=rotate, flip=flip).body) == expected


@pytest.mark.parametrize("orientation", range(10))
@pytest.mark.parametrize("source_format", ["jpeg", "png", "webp"])
def test_every_orientation_comes_out_upright(orientation, source_format):
    result = rendered(images.oriented(images.quadrants(), orientation, source_format))
    assert (result.width, result.height) == (64, 48)
    assert _order(result.body) == "RGBY"


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_crop_and_a_rect_are_places_on_the_upright_picture(orientation):
    data = images.oriented(images.quadrants(160, 120), orientation)
    corner = rendered(data, rect=Rect(left=80, top=60, width=80, height=60), width=20)
    assert (corner.width, corner.height) == (20, 15)
    assert _order(corner.body) == "YYYY"
    east = rendered(data, width=40, height=60, fit="crop", gravity="east")
    assert (east.width, east.height) == (40, 60)
    assert _order(east.body) == "GGYY"


def test_scaling_gives_exactly_the_planned_size():
    sizes = [(1, 1), (2, 3), (7, 200), (199, 5), (101, 77), (320, 240)]
    for (width, height), wanted in itertools.product(sizes, (1, 2, 3, 10, 99, 150)):
        data = images.encoded(images.quadrants(width, height), "png")
        result = rendered(data, width=wanted, height=wanted, fit="scale", enlarge=True)
        assert (result.width, result.height) == images.opened(result.body).size == (wanted, wanted)


@pytest.mark.parametrize(("size", "width"), [((1, 300), 1), ((300, 1), 30), ((1, 1), 1), ((3, 2000), 2)])
@pytest.mark.parametrize("source_format", ["jpeg", "png", "webp", "gif", "tiff", "bmp"])
def test_pictures_of_a_single_row_or_column_can_be_shrunk(source_format, size, width):
    result = rendered(images.encoded(images.quadrants(*size), source_format), width=width)
    assert result.width == width
    assert images.opened(result.body).size == (result.width, result.height)


def test_colours_of_hidden_pixels_do_not_bleed_when_scaling():
    pixels = np.zeros((64, 64, 4), np.uint8)
    pixels[:, :32] = (255, 255, 255, 255)
    pixels[:, 32:] = (255, 0, 0, 0)  # red that nobody may see
    scaled = images.pixels_of(rendered(images.encoded(images.from_pixels(pixels), "png"), width=13).body, mode="RGBA")
    visible = scaled[scaled[..., 3] > 8]
    assert visible[:, 1].min() > 245


def test_scaling_is_smooth():
    stripes = np.zeros((256, 256, 3), np.uint8)
    stripes[:, ::2] = 255
    pixels = images.pixels_of(rendered(images.encoded(images.from_pixels(stripes), "png"), width=64).body)
    assert 120 < pixels.mean() < 135
    assert pixels.std() < 8


@pytest.mark.parametrize("gravity", ["attention", "entropy"])
@pytest.mark.parametrize(("left", "expected"), [(20, "left"), (260, "right")])
def test_a_content_aware_crop_keeps_where_something_is(gravity, left, expected):
    pixels = np.full((100, 320, 3), 128, np.uint8)
    pixels[30:70, left : left + 40] = images.scene(40, 40).numpy()
    pixels[40:60, left + 10 : left + 30] = (250, 120, 80)
    result = rendered(
        images.encoded(images.from_pixels(pixels), "png"), width=100, height=100, fit="crop", gravity=gravity
    )
    assert (result.width, result.height) == (100, 100)
    assert np.abs(images.pixels_of(result.body).astype(int) - 128).max() > 60
    other = rendered(images.encoded(images.from_pixels(pixels[:, ::-1]), "png"), width=100, height=100, fit="crop",
                     gravity="west" if expected == "left" else "east")  # fmt: skip
    assert np.abs(images.pixels_of(other.body).astype(int) - 128).max() < 60


@pytest.mark.parametrize("picture", ["colour", "grey", "alpha"])
@pytest.mark.parametrize(
    "query",
    [
        "bri=9&con=9&gam=9", "sat=30", "monochrome=80406080", "duotone=navy,gold", "px=3", "blur=8", "blur=300",
        "sharp=20", "bg=80ff8000", "border=2,80ffffff", "mask=circle", "mask=circle&bg=80ff8000", "pad=3", "txt=All",
    ],
)  # fmt: skip
def test_every_step_leaves_a_byte_a_band(query, picture):
    """Four of them in floating point would take four times the memory until the encoder rounds them."""
    image = {"colour": images.scene(), "grey": images.grey(), "alpha": images.quadrants(alpha=80)}[picture]
    spec = resolve(parse(pair.split("=") for pair in query.split("&")), ())
    source = Source(images.encoded(image, "png"))
    order = source.order(RenderRequest(spec=spec, format="png", limits=Limits()))
    assert drawn(source, order, Phases()).format == "uchar"


def test_blur_softens_more_the_higher_it_is():
    data = images.encoded(images.scene(), "png")
    roughness = [np.abs(np.diff(images.pixels_of(rendered(data, blur=blur).body).astype(int), axis=1)).mean()
                 for blur in (0, 10, 30, 100, 400, 2000)]  # fmt: skip
    assert roughness == sorted(roughness, reverse=True)
    assert roughness[-1] < 0.5


@pytest.mark.parametrize("blur", [15, 20, 39, 100, 200])
def test_blur_on_a_shrunken_copy_looks_like_the_gaussian_it_stands_for(blur):
    source = images.scene(320, 240)
    expected = source.gaussblur(blur / 10, precision="float", min_ampl=0.01).cast("uchar").numpy()
    found = images.pixels_of(rendered(images.encoded(source, "png"), blur=blur).body)
    assert images.difference(found, expected) < 1.5


def test_blur_does_not_darken_transparent_edges():
    data = images.encoded(images.from_pixels(np.full((40, 40, 4), 255, np.uint8)).embed(20, 20, 80, 80), "png")
    pixels = images.pixels_of(rendered(data, blur=40).body, mode="RGBA")
    assert pixels[pixels[..., 3] > 10][:, :3].min() > 250


def test_sharpening_raises_contrast_at_edges_and_keeps_alpha():
    data = images.encoded(images.scene().gaussblur(1), "png")
    edges = [np.abs(np.diff(images.pixels_of(rendered(data, sharpen=each).body).astype(int), axis=1)).max()
             for each in (0, 30, 100)]  # fmt: skip
    assert edges == sorted(edges)
    assert edges[0] < edges[-1]
    translucent = rendered(images.encoded(images.quadrants(alpha=90), "png"), sharpen=50)
    assert set(np.unique(images.pixels_of(translucent.body, mode="RGBA")[..., 3])) == {90, 255}


def test_letterboxing_centres_the_picture_on_its_background():
    result = rendered(_SQUARE, width=100, height=50, fit="fill", background=(10, 200, 30, 255))
    pixels = images.pixels_of(result.body)
    assert pixels.shape == (50, 100, 3)
    assert images.are_near([pixels[25, 2], pixels[25, 97]], [(10, 200, 30)] * 2, tolerance=1)
    assert images.are_near([pixels[2, 27], pixels[47, 72]], [images.RED, images.YELLOW])


def test_letterboxing_without_a_background_is_transparent_or_white():
    clear = images.pixels_of(rendered(_SQUARE, width=100, height=50, fit="fill").body, mode="RGBA")
    white = images.pixels_of(rendered(_SQUARE, "jpeg", width=100, height=50, fit="fill").body)
    assert tuple(clear[25, 2]) == (255, 255, 255, 0)
    assert images.are_near([white[25, 2]], [(255, 255, 255)], tolerance=3)


def test_padding_goes_around_everything():
    result = rendered(_SQUARE, width=20, pad=5, background=(0, 0, 255, 255))
    pixels = images.pixels_of(result.body)
    assert (result.width, result.height) == (30, 30)
    assert images.are_near([pixels[0, 0], pixels[29, 29], pixels[4, 15]], [(0, 0, 255)] * 3, tolerance=1)
    assert images.are_near([pixels[7, 7]], [images.RED])


@pytest.mark.parametrize("background", [(0, 0, 0, 255), (200, 30, 30, 255), (200, 30, 30, 128)])
@pytest.mark.parametrize("picture", [images.quadrants(alpha=0), images.grey().bandjoin(0)])
def test_a_background_shows_through_transparent_parts(background, picture):
    pixels = images.pixels_of(rendered(images.encoded(picture, "png"), background=background).body, mode="RGBA")
    assert images.are_near([pixels[24, 60]], [background], tolerance=2)


def test_a_coloured_background_behind_grey_keeps_its_colour():
    result = rendered(images.encoded(images.grey(), "png"), pad=3, background=(200, 30, 30, 255))
    assert images.are_near([images.pixels_of(result.body)[0, 0]], [(200, 30, 30)], tolerance=1)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_trim_removes_the_border_of_an_upright_picture(orientation):
    framed = images.quadrants(40, 30).embed(7, 11, 80, 60, extend="background", background=[250, 250, 250])
    result = rendered(images.oriented(framed, orientation, "png"), trim=10)
    assert (result.width, result.height) == (40, 30)
    assert _order(result.body) == "RGBY"


def test_trim_takes_transparency_for_a_border():
    framed = images.quadrants(40, 30, alpha=255).embed(7, 11, 80, 60)
    assert (result := rendered(images.encoded(framed, "png"), trim=10)).width == 40
    assert result.height == 30


def test_trim_works_inside_a_rect_and_before_scaling():
    framed = images.quadrants(40, 30).embed(7, 11, 80, 60, extend="background", background=[250, 250, 250])
    result = rendered(images.encoded(framed, "png"), trim=10, rect=Rect(left=0, top=0, width=27, height=60), width=10)
    assert (result.width, result.height) == (10, 15)
    assert _order(result.body) == "RRBB"


@pytest.mark.parametrize("alpha", [None, 0, 255])
def test_trim_leaves_a_picture_of_one_colour_as_it_is(alpha):
    shape = (20, 30, 3) if alpha is None else (20, 30, 4)
    plain = images.from_pixels(np.full(shape, 200 if alpha is None else alpha, np.uint8))
    result = rendered(images.encoded(plain, "png"), trim=10)
    assert (result.width, result.height) == (30, 20)


@pytest.mark.parametrize(
    ("size", "expected"), [((1, 1), (1, 1)), ((2, 9), (1, 9)), ((9, 1), (4, 1)), ((40, 2), (4, 2))]
)
def test_trim_takes_pictures_of_less_than_three_pixels(size, expected):
    pixels = np.full((size[1], size[0], 3), 250, np.uint8)
    pixels[:, size[0] // 2 - 2 : size[0] // 2 + 2] = 10
    result = rendered(images.encoded(images.from_pixels(pixels), "png"), trim=10)
    assert (result.width, result.height) == expected


def test_trim_tolerates_what_its_number_says():
    framed = images.quadrants(40, 30).embed(7, 11, 80, 60, extend="background", background=[250, 250, 250])
    noisy = framed.embed(0, 0, 90, 60, extend="background", background=[240, 240, 240])
    assert rendered(images.encoded(noisy, "png"), trim=20).width == 40
    assert rendered(images.encoded(noisy, "png"), trim=2).width > 40
