"""`imgopt inspect FILE` and `imgopt placeholder FILE`."""

from __future__ import annotations

import base64
import shutil
from hashlib import sha256
from pathlib import Path

import pytest

from pipeline.profiles import build, srgb
from tests.cli.conftest import Imgopt, photo
from tests.images import animation, encoded, opened, oriented, photo_with_gps, quadrants, scene, with_profile

DISPLAY_P3 = ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), (0.3127, 0.3290))


def test_tells_the_facts_of_a_header(imgopt: Imgopt, folder: Path) -> None:
    data = oriented(quadrants(90, 60), 6)
    (folder / "a.jpg").write_bytes(data)
    facts = imgopt("inspect", "a.jpg", "--json").json
    assert (facts["format"], facts["width"], facts["height"], facts["orientation"]) == ("jpeg", 90, 60, 6)
    assert (facts["bytes"], facts["sha256"]) == (len(data), sha256(data).hexdigest())
    assert (facts["colour_space"], facts["bit_depth"], facts["alpha"], facts["damage"]) == ("rgb", 8, False, None)
    text = imgopt("inspect", "a.jpg").out
    assert "size             90 × 60 px, 0.01 megapixels\n" in text
    assert "orientation      6: shown after a quarter to the right\n" in text
    assert "profile          none: counts as sRGB\n" in text
    assert "gamut" not in text


def test_tells_what_a_wide_profile_is_good_for(imgopt: Imgopt, folder: Path) -> None:
    image = with_profile(quadrants(90, 60), build("Ours", DISPLAY_P3, srgb))
    (folder / "wide.png").write_bytes(encoded(image, "png"))
    facts = imgopt("inspect", "wide.png", "--json").json
    assert facts["profile"] == {"description": "Ours", "is_srgb": False}
    assert facts["colour"]["gamut"]["name"] == "Display P3"
    assert facts["colour"]["gamut"]["area"] == pytest.approx(1.32, abs=0.01)
    assert facts["colour"]["outside_srgb"] == pytest.approx(0.5, abs=0.3)
    assert facts["colour"]["ignored"]["p99"] >= facts["colour"]["ignored"]["mean"] > 1
    text = imgopt("inspect", "wide.png").out
    assert "profile          Ours (not sRGB)\n" in text
    assert "gamut            Display P3, 1.32 × the area of sRGB\n" in text
    assert "profile ignored  ΔE00 " in text


def test_tells_which_metadata_a_picture_carries_and_not_what_they_say(imgopt: Imgopt, folder: Path) -> None:
    (folder / "a.jpg").write_bytes(photo_with_gps())
    facts = imgopt("inspect", "a.jpg", "--json").json
    assert facts["metadata"]["gps"] is True
    assert set(facts["metadata"]["bytes"]) == {"exif", "xmp", "icc"}
    assert facts["metadata"]["camera"] == "SECRETCAMERA"
    text = imgopt("inspect", "a.jpg").out
    assert "a GPS position" in text
    assert "SECRETXMP" not in text
    assert "52" not in text.partition("metadata")[2].partition("camera")[0]


def test_an_animation_tells_its_frames(imgopt: Imgopt, folder: Path) -> None:
    (folder / "a.gif").write_bytes(animation("gif", [scene(40, 30, seed=seed) for seed in (1, 2, 3)]))
    assert "frames           3\n" in imgopt("inspect", "a.gif").out


@pytest.mark.parametrize("kind", ["png", "webp", "avif", "tiff", "bmp", "ico"])
def test_every_format_is_told(imgopt: Imgopt, folder: Path, kind: str) -> None:
    photo(folder / f"a.{kind}", 48, 32)
    facts = imgopt("inspect", f"a.{kind}", "--json").json
    assert (facts["format"], facts["width"], facts["height"]) == (kind, 48, 32)


def test_a_damaged_picture_is_told_as_far_as_it_goes_with_status_1(imgopt: Imgopt, folder: Path) -> None:
    data = photo(folder / "a.jpg", 240, 160).read_bytes()
    (folder / "a.jpg").write_bytes(data[:5000])
    ended = imgopt("inspect", "a.jpg")
    assert ended.status == 1
    assert "size             240 × 160 px" in ended.out
    assert ended.err.startswith("a.jpg: Expected a whole jpeg file, received one that does not decode")
    assert imgopt("inspect", "a.jpg", "--json").json["damage"]


@pytest.mark.parametrize("command", ["inspect", "placeholder"])
def test_what_is_no_picture_is_told_with_status_1(imgopt: Imgopt, folder: Path, command: str) -> None:
    (folder / "a.jpg").write_bytes(b"no picture")
    ended = imgopt(command, "a.jpg")
    assert ended.status == 1
    assert ended.err.startswith("imgopt: a.jpg: Expected a JPEG, PNG")
    assert imgopt(command, "missing").status == 1


def test_an_ancient_or_hostile_profile_cannot_speak_to_the_terminal(imgopt: Imgopt, folder: Path) -> None:
    image = with_profile(quadrants(90, 60), build("\x1b[31mred\x07", DISPLAY_P3, srgb))
    (folder / "a.png").write_bytes(encoded(image, "png"))
    assert "\x1b" not in imgopt("inspect", "a.png").out


def test_gamut_of_a_real_photograph(imgopt: Imgopt, folder: Path, shared_images: Path) -> None:
    shutil.copy(shared_images / "colour" / "P3-sRGB-color-ring.jpg", folder / "ring.jpg")
    colour = imgopt("inspect", "ring.jpg", "--json").json["colour"]
    assert colour["gamut"]["name"] == "Display P3"
    assert colour["outside_srgb"] > 0.5


def test_a_placeholder_is_a_tiny_picture_a_hash_and_colours(imgopt: Imgopt, folder: Path) -> None:
    photo(folder / "a.png", 240, 160)
    made = imgopt("placeholder", "a.png", "--json").json
    head, _, body = made["data_uri"].partition(",")
    assert head == "data:image/webp;base64"
    assert opened(base64.b64decode(body)).width == 32
    assert made["palette"][0] == made["dominant_colour"]
    lines = imgopt("placeholder", "a.png").out.splitlines()
    assert lines[0] == f"data URI         {made['data_uri']}"
    assert lines[1] == f"BlurHash         {made['blurhash']}"
    assert lines[2] == f"dominant colour  {made['dominant_colour']}"
    assert lines[3].split() == ["palette", *made["palette"]]
