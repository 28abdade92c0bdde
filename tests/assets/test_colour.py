"""`GET /api/v1/image/{image}/colour`, its pictures, and `manage.py inspect_colour`."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.files.storage import storages
from django.core.management import CommandError, call_command
from PIL import ExifTags, Image
from skimage.color import deltaE_ciede2000, rgb2lab

from assets.children import render_pool
from assets.models import Blob
from pipeline.profiles import build, srgb
from tests import images
from tests.assets.caller import Caller, problem
from tests.pipeline.test_gamut import SPACES

pytestmark = pytest.mark.django_db

VIEWS = ("managed", "ignored", "heat")


def tagged(profile: bytes, *, orientation: int = 1, width: int = 90, height: int = 60) -> bytes:
    """This will draw a picture with a profile: a PNG, or a JPEG where it is not upright."""
    picture = Image.fromarray(images.scene(width, height).numpy())
    out = io.BytesIO()
    if orientation == 1:
        picture.save(out, "PNG", icc_profile=profile)
    else:
        exif = Image.Exif()
        exif[ExifTags.Base.Orientation] = orientation
        picture.save(out, "JPEG", icc_profile=profile, exif=exif, quality=95)
    return out.getvalue()


def wide() -> bytes:
    return tagged(build("Ours", SPACES["Display P3"][0], srgb))


DRAWN = {
    "srgb": lambda: tagged(images.srgb_profile()),
    "untagged": lambda: images.encoded(images.scene(90, 60), "png"),
    "wide": wide,
    "swapped": lambda: tagged(images.channel_swapping_profile()),
    "other": lambda: tagged(build("narrow", SPACES[""][0], srgb)),
    # In a JPEG, for libpng throws such a one away.
    "unusable": lambda: tagged(build("grey", SPACES["sRGB"][0], srgb, grey=True), orientation=3),
    "cmyk": lambda: images.encoded(images.scene(90, 60).colourspace("cmyk"), "jpeg"),
}


def look(caller: Caller, body: bytes, name: str = "a.png") -> dict[str, Any]:
    return dict(caller.get(f"/api/v1/image/{caller.upload(body, name)['id']}/colour").json())


def picture(answer: Any) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(answer.body)))


@pytest.mark.parametrize("verdict", DRAWN)
def test_each_kind_of_profile_has_its_verdict(caller: Caller, verdict: str) -> None:
    found = look(caller, DRAWN[verdict]())
    assert found["verdict"] == verdict
    assert set(found) == {"verdict", "profile", "colourSpace", "gamut", "outsideSrgb", "ignored", "views"}
    depends = verdict in ("wide", "swapped", "other")
    assert (found["ignored"]["mean"] > 1) is depends


def test_a_wide_picture_is_told_with_its_gamut(caller: Caller) -> None:
    found = look(caller, wide())
    assert (found["profile"], found["colourSpace"]) == ("Ours", "rgb")
    assert found["gamut"]["name"] == "Display P3"
    assert found["gamut"]["area"] == pytest.approx(1.32, abs=0.01)
    assert 0 < found["ignored"]["mean"] <= found["ignored"]["p95"] <= found["ignored"]["p99"]


def test_the_pictures_are_those_that_the_figures_are_of(caller: Caller) -> None:
    found = look(caller, wide())
    managed, ignored, heat = (caller.get(found["views"][view]) for view in VIEWS)
    for answer in (managed, ignored, heat):
        assert answer.status_code == 200
        assert answer["Content-Type"] == "image/png"
        assert answer["Cache-Control"].startswith("private")
        assert answer["X-Content-Type-Options"] == "nosniff"
        assert picture(answer).shape == (60, 90, 3)
    assert (picture(ignored) == images.scene(90, 60).numpy()).all()
    differences = deltaE_ciede2000(rgb2lab(picture(managed)), rgb2lab(picture(ignored)))
    assert found["ignored"]["mean"] == pytest.approx(differences.mean(), abs=0.05)
    assert found["ignored"]["p99"] == pytest.approx(np.percentile(differences, 99), abs=0.05)
    brightness = picture(heat).sum(axis=2).astype(float)
    assert np.corrcoef(brightness.ravel(), np.clip(differences, 0, 10).ravel())[0, 1] > 0.9


def test_of_a_picture_in_srgb_the_heat_is_black_and_the_renders_are_equal(caller: Caller) -> None:
    views = look(caller, DRAWN["srgb"]())["views"]
    assert picture(caller.get(views["heat"])).max() == 0
    assert (picture(caller.get(views["managed"])) == picture(caller.get(views["ignored"]))).all()


def test_the_pictures_are_upright_and_not_larger_than_needed(caller: Caller) -> None:
    profile = build("Ours", SPACES["Adobe RGB"][0], srgb)
    views = look(caller, tagged(profile, orientation=6, width=1500, height=300), "a.jpg")["views"]
    for view in VIEWS:
        assert picture(caller.get(views[view])).shape == (1024, 205, 3)


def test_transparent_parts_are_shown_on_white(caller: Caller) -> None:
    views = look(caller, images.encoded(images.quadrants(alpha=0), "png"))["views"]
    assert picture(caller.get(views["managed"]))[10, 50].tolist() == [255, 255, 255]


def test_what_the_client_has_is_not_made_again(caller: Caller) -> None:
    found = caller.upload(wide(), "a.png")
    for path in ("colour", *(f"colour/{view}" for view in VIEWS)):
        address = f"/api/v1/image/{found['id']}/{path}"
        first = caller.get(address)
        tasks = render_pool().counters.tasks
        again = caller.get(address, If_None_Match=first["ETag"])
        assert (again.status_code, again.body) == (304, b"")
        assert again["ETag"] == first["ETag"]
        assert again["Cache-Control"].startswith("private")
        assert render_pool().counters.tasks == tasks
    etags = {caller.get(f"/api/v1/image/{found['id']}/colour/{view}")["ETag"] for view in VIEWS}
    assert len(etags) == len(VIEWS)


def test_a_replaced_picture_has_other_etags(caller: Caller) -> None:
    from tests.assets.caller import Part

    image = caller.upload(wide(), "a.png")["id"]
    before = caller.get(f"/api/v1/image/{image}/colour")
    assert caller.put(image, Part(DRAWN["srgb"]())).status_code == 200
    after = caller.get(f"/api/v1/image/{image}/colour", If_None_Match=before["ETag"])
    assert after.json()["verdict"] == "srgb"


def test_other_views_do_not_exist(caller: Caller) -> None:
    image = caller.upload()["id"]
    assert problem(caller.get(f"/api/v1/image/{image}/colour/cold"))[:2] == (404, "not_found")


@pytest.mark.parametrize("key", ["shop/colour", "shop/colour/heat", "colour/managed"])
def test_no_key_ends_as_an_address_does(caller: Caller, key: str) -> None:
    from tests.assets.caller import Part, photo

    answer = caller.post_form(Part(photo()), Part(key.encode(), None, "key"))
    assert problem(answer)[:2] == (400, "bad_parameter")


def test_a_file_that_was_damaged_since_is_told(caller: Caller) -> None:
    image = caller.upload(wide(), "a.png")["id"]
    blob = Blob.objects.get()
    path = Path(storages["masters"].path(blob.storage_name))
    path.write_bytes(path.read_bytes()[:400])
    for address in ("colour", "colour/managed"):
        assert problem(caller.get(f"/api/v1/image/{image}/{address}"))[:2] == (503, "storage_unavailable")


def test_a_lost_file_is_a_503(caller: Caller) -> None:
    image = caller.upload(wide(), "a.png")["id"]
    storages["masters"].delete(Blob.objects.get().storage_name)
    for address in ("colour", "colour/heat"):
        assert problem(caller.get(f"/api/v1/image/{image}/{address}"))[:2] == (503, "storage_unavailable")


def command(*args: str) -> str:
    out = io.StringIO()
    call_command("inspect_colour", *args, stdout=out)
    return out.getvalue()


def test_the_command_tells_the_same_and_saves_the_pictures(caller: Caller, tmp_path: Path) -> None:
    image = caller.upload(wide(), "a.png", key="shop/wide")["id"]
    told = caller.get(f"/api/v1/image/{image}/colour").json()
    views = told.pop("views")
    assert json.loads(command("shop/wide", "--json")) == told
    text = command(image, "--save", str(tmp_path / "new"))
    assert "verdict          wide\n" in text
    assert "gamut            Display P3, 1.32 × the area of sRGB\n" in text
    for view in VIEWS:
        assert (tmp_path / "new" / f"{view}.png").read_bytes() == caller.get(views[view]).body


def test_the_command_tells_what_it_cannot_do(caller: Caller, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="Image not found"):
        command("shop/none")
    caller.upload(key="shop/shoe")
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(CommandError, match="folder that can be written to"):
        command("shop/shoe", "--save", str(tmp_path / "file"))


SRGB_FILES = ("colorchecker_sRGB.jpg", "Flag_of_the_Netherlands-16bit.png", "rgb-3c-16b.tiff")
WIDE_FILES = {
    "P3-sRGB-color-ring.jpg": "Display P3",
    "P3-sRGB-green.png": "Display P3",
    "p3.png": "Display P3",
    "jpg-24bit-icc-adobe-rgb.jpg": "Adobe RGB",
    "adobergb_xmp_test.jpg": "Adobe RGB",
    "sample_a98.jpg": "Adobe RGB",
    "tifftag-photoshop.tiff": "Adobe RGB",
    "prophoto.png": "ProPhoto RGB",
}
CMYK_FILES = ("Channel_digital_image_CMYK_color.jpg", "cmyk-icc.jpg", "dog_and_lake_cmyk_with_icc_profile.jpg")


@pytest.mark.images
def test_real_files_are_told_apart(caller: Caller, shared_images: Path) -> None:
    def look_at(name: str) -> dict[str, Any]:
        return look(caller, (shared_images / "colour" / name).read_bytes(), name)

    plain = [look_at(name) for name in SRGB_FILES]
    assert {found["verdict"] for found in plain} == {"srgb", "untagged"}
    assert all(found["ignored"]["p99"] == 0 and found["outsideSrgb"] == 0 for found in plain)
    for name, gamut in WIDE_FILES.items():
        found = look_at(name)
        assert (found["verdict"], found["gamut"]["name"]) == ("wide", gamut), name
        assert found["gamut"]["area"] > 1.3
        assert found["ignored"]["mean"] > 0.5
    for name in CMYK_FILES:
        found = look_at(name)
        assert (found["verdict"], found["colourSpace"]) == ("cmyk", "cmyk"), name
        assert found["ignored"]["mean"] > 3
    assert look_at("Channel_digital_image_CMYK_color_no_profile.jpg")["ignored"]["mean"] == 0
    swapped = look_at("red-at-12-oclock-with-color-profile.jpg")
    assert swapped["verdict"] == "swapped"
    assert swapped["gamut"]["area"] == pytest.approx(1, abs=0.01)  # the same triangle, its corners renamed
    # No wide profile is as far off as colours that changed places.
    assert swapped["ignored"]["mean"] > 2 * max(look_at(name)["ignored"]["mean"] for name in WIDE_FILES)
    # One chart, told in two colour spaces: alike once managed.
    assert look_at("colorchecker_ECI_RGB_v2.jpg")["verdict"] == "wide"
