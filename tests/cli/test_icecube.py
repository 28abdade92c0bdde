"""Lines as icecube's scripts have them: no command, flags as Go spells them, in any place."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Imgopt, names, photo
from tests.images import opened, photo_with_gps

LINES = {
    "-i in.jpg -o out.webp -q 80": ("out.webp", "WEBP", (240, 160)),
    "-input in.jpg -output out.webp": ("out.webp", "WEBP", (240, 160)),
    "-input=in.jpg -output=out.webp -format=webp": ("out.webp", "WEBP", (240, 160)),
    "--input in.jpg --output out.avif": ("out.avif", "AVIF", (240, 160)),
    "-output out.png -input in.jpg": ("out.png", "PNG", (240, 160)),
    "-input in.jpg -format webp -max-dimension 100 -quality 80": ("in.webp", "WEBP", (100, 67)),
    "-i in.jpg -f PNG": ("in.png", "PNG", (240, 160)),
    "-i in.jpg -f jpg -d 80 -q 90 -m": ("in.min.jpg", "JPEG", (80, 53)),
    "in.jpg -o out.webp": ("out.webp", "WEBP", (240, 160)),
    "-o out.webp in.jpg": ("out.webp", "WEBP", (240, 160)),
    "-d 100 in.jpg -f webp": ("in.webp", "WEBP", (100, 67)),
    "-f webp in.jpg -q 70": ("in.webp", "WEBP", (240, 160)),
    "-i in.jpg -d 100": ("in.min.jpg", "JPEG", (100, 67)),
    "-i in.jpg -o out -d 100": ("out", "JPEG", (100, 67)),
    "-i in.jpg -o out.tmp -f webp": ("out.tmp", "WEBP", (240, 160)),
    "-i in.jpg -o new/folder/out.webp": ("new/folder/out.webp", "WEBP", (240, 160)),
    "-i in.jpg -o new/folder/ -f webp": ("new/folder/in.webp", "WEBP", (240, 160)),
    "-i in.jpg -o there -f webp": ("there/in.webp", "WEBP", (240, 160)),
    "-i in.jpg -o out.webp -d 0 -keep-metadata=false": ("out.webp", "WEBP", (240, 160)),
    "optimise -i in.jpg -o out.webp": ("out.webp", "WEBP", (240, 160)),
    "-i in.jpg optimise -o out.webp": ("out.webp", "WEBP", (240, 160)),
    "-f webp -q 80 optimize in.jpg": ("in.webp", "WEBP", (240, 160)),
}


@pytest.mark.parametrize(("text", "wanted"), LINES.items(), ids=LINES)
def test_a_line_of_icecube_does_what_it_did(
    imgopt: Imgopt, folder: Path, text: str, wanted: tuple[str, str, tuple[int, int]]
) -> None:
    before = photo(folder / "in.jpg", 240, 160).read_bytes()
    (folder / "there").mkdir()
    ended = imgopt(*text.split(), "-q", "60")
    assert ended.status == 0, ended.err
    name, kind, size = wanted
    assert names(folder) == sorted(["in.jpg", name])
    picture = opened((folder / name).read_bytes())
    assert (picture.format, picture.size) == (kind, size)
    assert (folder / "in.jpg").read_bytes() == before


def test_a_folder_goes_into_a_folder(imgopt: Imgopt, folder: Path) -> None:
    photo(folder / "dir" / "a.jpg", 60, 40)
    photo(folder / "dir" / "deep" / "b.png", 60, 40)
    assert imgopt("-f", "webp", "-i", "dir", "-o", "outdir").status == 0
    assert names(folder / "outdir") == ["a.webp", "deep/b.webp"]


def test_the_named_output_is_replaced_each_time(imgopt: Imgopt, folder: Path) -> None:
    photo(folder / "in.jpg", 60, 40)
    (folder / "out.webp").write_bytes(b"what was there")
    sizes = []
    for quality in ("20", "90"):
        assert imgopt("-i", "in.jpg", "-o", "out.webp", "-q", quality).status == 0
        sizes.append((folder / "out.webp").stat().st_size)
    assert sizes[0] < sizes[1]
    assert sorted(path.name for path in folder.iterdir()) == ["in.jpg", "out.webp"]  # and no journal


@pytest.mark.parametrize(("flag", "kept"), [("-m", True), ("-keep-metadata", True), ("-m=false", False), ("", False)])
def test_metadata_are_kept_when_asked(imgopt: Imgopt, folder: Path, flag: str, kept: bool) -> None:
    (folder / "in.jpg").write_bytes(photo_with_gps(120, 80))
    assert imgopt("-i", "in.jpg", *flag.split(), "-o", "out.webp").status == 0
    assert (b"SECRETCAMERA" in (folder / "out.webp").read_bytes()) is kept


def test_statuses_are_0_1_and_2(imgopt: Imgopt, folder: Path) -> None:
    photo(folder / "in.jpg", 60, 40)
    (folder / "bad.jpg").write_bytes(b"no picture")
    assert imgopt("-i", "in.jpg", "-f", "webp").status == 0
    assert imgopt("-i", "bad.jpg", "-f", "webp").status == 1
    assert imgopt("-i", "missing.jpg", "-f", "webp").status == 1
    assert imgopt("-i", "bad.jpg", "-i", "in.jpg", "-f", "webp").status == 1
    assert imgopt("-i").status == 2
    assert imgopt("-f", "webp").status == 2
    assert imgopt("-i", "in.jpg", "-q", "101").status == 2
    assert imgopt("-i", "in.jpg", "-q", "abc").status == 2
    assert imgopt("-i", "in.jpg", "-f", "docx").status == 2
    assert imgopt("-i", "in.jpg", "-compression", "3").status == 2
