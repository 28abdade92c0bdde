"""Names of results: nothing that was there is lost, be it by a link, by letters' case or by two pictures of a name."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from imgopt.cli import files
from tests.cli.conftest import Imgopt, names, photo, states
from tests.images import opened


def test_a_result_of_its_picture_s_own_name_gets_another(imgopt: Imgopt, folder: Path) -> None:
    before = {name: photo(folder / name, 60, 40).read_bytes() for name in ("a.jpg", "b.JPG", "c.jpeg")}
    for _ in range(2):
        assert imgopt("optimise", ".", "-f", "jpeg", "-q", "50").status == 0
        assert names(folder) == ["a.jpg", "a.min.jpg", "b.JPG", "b.min.jpg", "c.jpeg", "c.jpg"]
    assert {name: (folder / name).read_bytes() for name in before} == before


@pytest.mark.parametrize("out", [".", "../work", "link", "hidden/../."])
def test_an_output_folder_that_is_the_pictures_own_under_another_name_harms_none(
    imgopt: Imgopt, folder: Path, out: str
) -> None:
    before = photo(folder / "a.jpg", 60, 40).read_bytes()
    (folder / "hidden").mkdir()
    (folder / "link").symlink_to(folder)
    for line in (("a.jpg",), (".",), (folder / "a.jpg",), ("link/a.jpg",)):
        assert imgopt("optimise", *line, "-f", "jpeg", "-q", "50", "--out", out).status == 0
    assert (folder / "a.jpg").read_bytes() == before
    assert names(folder) == ["a.jpg", "a.min.jpg"]


def test_a_link_in_the_place_of_a_result_leads_nowhere(imgopt: Imgopt, folder: Path) -> None:
    before = photo(folder / "in" / "a.jpg", 60, 40).read_bytes()
    (folder / "out").mkdir()
    os.link(folder / "in" / "a.jpg", folder / "out" / "a.jpg")  # the very file
    (folder / "out" / "a.webp").symlink_to(folder / "in" / "a.jpg")
    assert imgopt("optimise", "in", "-f", "jpeg,webp", "-q", "50", "--out", "out", "--overwrite").status == 0
    assert (folder / "in" / "a.jpg").read_bytes() == (folder / "out" / "a.jpg").read_bytes() == before
    assert opened((folder / "out" / "a.min.jpg").read_bytes()).size == (60, 40)
    assert opened((folder / "out" / "a.jpg.webp").read_bytes()).size == (60, 40)
    assert (folder / "out" / "a.webp").is_symlink()


@pytest.mark.parametrize("name", ["a.jpg", "hard.jpg", "soft.jpg", "A.JPG", "deep/../a.jpg", "link/a.jpg"])
def test_an_output_that_is_the_input_is_refused_under_every_name(imgopt: Imgopt, folder: Path, name: str) -> None:
    before = photo(folder / "a.jpg", 60, 40).read_bytes()
    os.link(folder / "a.jpg", folder / "hard.jpg")
    (folder / "soft.jpg").symlink_to("a.jpg")
    (folder / "link").symlink_to(".")
    (folder / "deep").mkdir()
    there = sorted(folder.iterdir())
    ended = imgopt("-i", "a.jpg", "-o", name)
    assert ended.status == 2
    assert ended.err == f"imgopt: Expected another file for the output than the input, received {name!r} for both.\n"
    assert (folder / "a.jpg").read_bytes() == before
    assert sorted(folder.iterdir()) == there


def test_an_input_that_is_a_link_is_safe_at_both_ends(imgopt: Imgopt, folder: Path) -> None:
    before = photo(folder / "real" / "a.jpg", 60, 40).read_bytes()
    (folder / "b.jpg").symlink_to("real/a.jpg")
    assert imgopt("-i", "b.jpg", "-o", "real/a.jpg").status == 2
    assert imgopt("optimise", "b.jpg", "-f", "jpeg", "-q", "50").status == 0
    assert (folder / "real" / "a.jpg").read_bytes() == before
    assert names(folder) == ["b.jpg", "b.min.jpg", "real/a.jpg"]


def test_two_pictures_of_one_name_are_told_apart(imgopt: Imgopt, folder: Path) -> None:
    photo(folder / "in" / "a.jpg", 60, 40)
    photo(folder / "in" / "a.png", 30, 20)
    photo(folder / "in" / "A.gif", 10, 10)
    assert imgopt("optimise", "in", "-f", "webp", "--out", "out").status == 0
    assert names(folder / "out") == ["A.webp", "a.jpg.webp", "a.png.webp"]
    assert opened((folder / "out" / "a.png.webp").read_bytes()).size == (30, 20)


def test_a_picture_of_the_result_s_name_keeps_it(imgopt: Imgopt, folder: Path) -> None:
    before = {name: photo(folder / name, 60, 40).read_bytes() for name in ("a.jpg", "a.webp")}
    assert imgopt("optimise", ".", "-f", "webp", "-q", "30").status == 0
    assert names(folder) == ["a.jpg", "a.jpg.webp", "a.min.webp", "a.webp"]
    assert {name: (folder / name).read_bytes() for name in before} == before


def test_a_name_once_given_stays_with_its_picture(imgopt: Imgopt, folder: Path) -> None:
    photo(folder / "b.png", 60, 40)
    imgopt("optimise", ".", "-f", "webp")
    photo(folder / "b.jpg", 30, 20)  # which comes before it
    assert states(imgopt("optimise", ".", "-f", "webp", "--json")) == {
        "b.jpg.webp": "written",
        "b.webp": "unchanged",
    }
    assert opened((folder / "b.webp").read_bytes()).size == (60, 40)


def test_where_no_name_is_left_the_picture_is_refused(imgopt: Imgopt, folder: Path) -> None:
    photo(folder / "x" / "a.png", 60, 40)
    photo(folder / "y" / "a.png", 30, 20)
    photo(folder / "z" / "a.png", 10, 10)
    ended = imgopt("optimise", "x/a.png", "y/a.png", "z/a.png", "-f", "webp", "--out", "out")
    assert ended.status == 1
    assert names(folder / "out") == ["a.png.webp", "a.webp"]
    assert ended.err == "z/a.png: Expected a free name for a result, and a.png.webp belongs to another picture too.\n"


def test_several_folders_keep_their_names_and_a_single_one_does_not(imgopt: Imgopt, folder: Path) -> None:
    for name in ("x/a.png", "y/a.png", "y/deep/b.png"):
        photo(folder / name, 60, 40)
    imgopt("optimise", "x", "y/", "-f", "webp", "--out", "several")
    assert names(folder / "several") == ["x/a.webp", "y/a.webp", "y/deep/b.webp"]
    imgopt("optimise", "y", "-f", "webp", "--out", "single")
    assert names(folder / "single") == ["a.webp", "deep/b.webp"]


def test_what_is_named_twice_is_made_once(imgopt: Imgopt, folder: Path) -> None:
    photo(folder / "a.png", 60, 40)
    (folder / "link").symlink_to(".")
    report = imgopt("optimise", "a.png", "./a.png", ".", folder / "a.png", "link/a.png", "-f", "webp", "--json")
    assert list(report.results) == ["a.webp"]


def test_a_file_that_imgopt_did_not_make_is_replaced_only_when_asked(imgopt: Imgopt, folder: Path) -> None:
    photo(folder / "a.png", 60, 40)
    (folder / "a.webp").write_bytes(b"somebody's work")
    ended = imgopt("optimise", "a.png", "-f", "webp,avif")
    assert ended.status == 1
    assert ended.err == "a.png: 'a.webp' is there already, and imgopt did not make it: --overwrite replaces it.\n"
    assert (folder / "a.webp").read_bytes() == b"somebody's work"
    assert opened((folder / "a.avif").read_bytes()).size == (60, 40)
    assert imgopt("optimise", "a.png", "-f", "webp,avif", "--overwrite").status == 0
    assert opened((folder / "a.webp").read_bytes()).size == (60, 40)


def test_accents_and_case_make_no_other_place(tmp_path: Path) -> None:
    """As on the file systems of other machines, where one would overwrite the other."""
    assert files.place(tmp_path / "Zu\u0308rich.JPG") == files.place(tmp_path / "z\u00fcrich.jpg")


def test_a_result_is_whole_or_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "a.webp"
    target.write_bytes(b"before")
    seen: list[bytes] = []
    replace = Path.replace

    def watched(part: Path, place: Path) -> Path:
        seen.append(target.read_bytes())
        assert part.read_bytes() == b"after"
        return replace(part, place)

    monkeypatch.setattr(Path, "replace", watched)
    files.write_whole(target, b"after")
    assert (seen, target.read_bytes(), names(tmp_path)) == ([b"before"], b"after", ["a.webp"])
