"""Only allow-listed decoders run, and no more pixels are decoded than needed."""

from __future__ import annotations

import subprocess
import sys

import pytest

from pipeline import vips
from pipeline.decode import open_frame
from pipeline.geometry import plan
from pipeline.header import read_header
from pipeline.spec import Rect, TransformSpec
from tests import images
from tests.pipeline.asking import LIMITS, rendered


def _in_a_new_process(code: str) -> subprocess.CompletedProcess[str]:
    # The block holds for a whole process, and tests use blocked operations to draw.
    return subprocess.run([sys.executable, "-c", code], check=False, timeout=60, capture_output=True, text=True)


def test_untrusted_loaders_are_blocked_and_the_proof_tries_them():
    result = _in_a_new_process("from pipeline import vips; vips.block_untrusted(); vips.prove_untrusted_blocked()")
    assert result.returncode == 0, result.stderr


def test_the_proof_fails_loudly_where_nothing_is_blocked():
    result = _in_a_new_process("from pipeline import vips; vips.prove_untrusted_blocked()")
    assert "LoaderNotBlocked" in result.stderr


def test_the_proof_fails_where_everything_is_blocked():
    result = _in_a_new_process(
        "import pyvips; from pipeline import vips; vips.block_untrusted();"
        "pyvips.operation_block_set('VipsForeignLoad', True); vips.prove_untrusted_blocked()"
    )
    assert "LoaderNotBlocked" in result.stderr


def test_every_allowed_loader_still_loads_behind_the_block():
    formats = ("jpeg", "png", "webp", "avif", "gif", "tiff")
    code = (
        "import sys; from pipeline import vips; vips.block_untrusted()\n"
        "from pipeline.inspect import inspect; from pipeline.limits import Limits\n"
        "for line in sys.stdin: inspect(bytes.fromhex(line), Limits())"
    )
    lines = "\n".join(images.encoded(images.quadrants(), each).hex() for each in formats)
    result = subprocess.run(
        [sys.executable, "-c", code], input=lines, check=False, timeout=60, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr


def test_files_by_name_and_gain_map_loaders_are_blocked_too(tmp_path):
    path = tmp_path / "picture.jpg"
    path.write_bytes(images.encoded(images.quadrants(), "jpeg"))
    result = _in_a_new_process(
        f"from pipeline import vips; vips.block_untrusted(); vips.call('jpegload', {str(path)!r}).avg()"
    )
    assert "blocked" in result.stderr


def test_the_operation_cache_is_off():
    import pyvips

    assert vips.call("black", 1, 1).width == 1
    assert pyvips.cache_get_max() == 0


@pytest.mark.parametrize(
    ("source_format", "width", "expected"),
    [
        ("jpeg", 1600, 1600),
        ("jpeg", 500, 1600),
        ("jpeg", 400, 800),
        ("jpeg", 200, 400),
        ("jpeg", 100, 200),
        ("jpeg", 20, 200),
        ("webp", 900, 1600),
        ("webp", 400, 800),
        ("webp", 100, 200),
        ("png", 100, 1600),
    ],
)
def test_shrinks_while_loading_and_leaves_twice_the_size_for_the_filter(source_format, width, expected):
    data = images.encoded(images.quadrants(1600, 1200), source_format)
    info = read_header(data, LIMITS)
    work = plan(TransformSpec(width=width), width=1600, height=1200, orientation=1, limits=LIMITS)
    assert open_frame(data, info, work).width == expected


@pytest.mark.parametrize("source_format", ["jpeg", "webp"])
def test_an_area_is_cut_from_a_shrunken_picture_at_its_place(source_format):
    data = images.encoded(images.quadrants(1600, 1200), source_format)
    area = Rect(left=400, top=300, width=800, height=600)
    result = rendered(data, rect=area, width=100)
    assert (result.width, result.height) == (100, 75)
    assert images.are_near(
        images.corners_of(result.body), [images.RED, images.GREEN, images.BLUE, images.YELLOW], tolerance=12
    )


@pytest.mark.parametrize("area", [Rect(left=63, top=47, width=1, height=1), Rect(left=0, top=47, width=64, height=1)])
@pytest.mark.parametrize("source_format", images.FORMATS)
def test_areas_of_one_pixel_or_row_can_be_cut(source_format, area):
    result = rendered(images.encoded(images.quadrants(), source_format), rect=area)
    assert (result.width, result.height) == (area.width, area.height)
    assert images.are_near([images.pixels_of(result.body)[0, -1]], [images.YELLOW])
