"""A folder as an origin: what lies in it, and nothing else."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from assets.origins.errors import OriginNotFound, OriginRefused, OriginTooLarge, OriginUnavailable
from assets.origins.folder import FolderPlace
from assets.origins.opened import Said

NOTHING: Said = {}


@pytest.fixture
def place(tmp_path: Path) -> FolderPlace:
    root = tmp_path / "pictures"
    (root / "summer").mkdir(parents=True)
    (root / "summer" / "shoe.jpg").write_bytes(b"shoe")
    (root / ".hidden").mkdir()
    (root / ".hidden" / "shoe.jpg").write_bytes(b"hidden")
    (root / ".htaccess").write_bytes(b"hidden")
    (tmp_path / "secret.jpg").write_bytes(b"secret")
    return FolderPlace(root=root, max_bytes=1000)


def read(place: FolderPlace, path: str, known: Said = NOTHING) -> tuple[bytes, Said] | None:
    with place.open(path, known) as opened:
        return None if opened is None else (b"".join(opened.chunks), opened.said)


def test_reads_a_file_and_knows_it_again(place: FolderPlace) -> None:
    found = read(place, "summer/shoe.jpg")
    assert found is not None
    assert found[0] == b"shoe"
    assert read(place, "summer/shoe.jpg", found[1]) is None
    (place.root / "summer" / "shoe.jpg").write_bytes(b"boot")
    os.utime(place.root / "summer" / "shoe.jpg", ns=(0, 0))
    assert read(place, "summer/shoe.jpg", found[1]) is not None


@pytest.mark.parametrize(
    "path", ["none.jpg", "summer", "summer/none.jpg", "summer/shoe.jpg/x", "x" * 300, "none/x.jpg"]
)
def test_what_is_no_file_is_not_found(place: FolderPlace, path: str) -> None:
    with pytest.raises(OriginNotFound):
        read(place, path)


@pytest.mark.parametrize(
    "path",
    [
        "../secret.jpg",
        "summer/../../secret.jpg",
        ".htaccess",
        ".hidden/shoe.jpg",
        "/etc/passwd",
        "../pictures/../secret.jpg",
    ],
)
def test_what_lies_outside_or_is_hidden_is_refused(place: FolderPlace, path: str) -> None:
    with pytest.raises(OriginRefused):
        read(place, path)


def test_a_link_may_lead_about_the_folder_and_not_out_of_it(place: FolderPlace) -> None:
    links = {"within.jpg": "summer/shoe.jpg", "out.jpg": "../secret.jpg", "up": "..", "dark.jpg": ".htaccess"}
    for name, target in {**links, "circle.jpg": "circle.jpg", "far.jpg": "/etc/hostname"}.items():
        (place.root / name).symlink_to(target)
    found = read(place, "within.jpg")
    assert found is not None
    for path in ("out.jpg", "up/secret.jpg", "dark.jpg", "far.jpg", "circle.jpg"):
        with pytest.raises(OriginRefused):
            read(place, path)


def test_a_link_that_is_put_there_in_between_is_not_followed(
    place: FolderPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.path.realpath

    def swapped(path: str | Path, *, strict: bool = False) -> str:
        found = real(path, strict=strict)
        if str(path).endswith("shoe.jpg"):
            (place.root / "summer").rename(place.root / "winter")
            (place.root / "summer").symlink_to(place.root.parent)
            (place.root.parent / "shoe.jpg").write_bytes(b"secret")
        return found

    monkeypatch.setattr("assets.origins.folder.os.path.realpath", swapped)
    with pytest.raises((OriginRefused, OriginNotFound)):
        read(place, "summer/shoe.jpg")


def test_a_pipe_is_no_picture_and_is_not_waited_for(place: FolderPlace) -> None:
    os.mkfifo(place.root / "pipe.jpg")
    with pytest.raises(OriginNotFound):
        read(place, "pipe.jpg")


def test_a_large_file_is_refused_unread(place: FolderPlace) -> None:
    with (place.root / "large.jpg").open("wb") as file:
        file.truncate(10_000_000_000)  # takes no space
    with pytest.raises(OriginTooLarge):
        read(place, "large.jpg")


def test_a_file_that_may_not_be_read_and_a_folder_that_is_away_are_unavailable(
    place: FolderPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("assets.origins.folder._walked", lambda *_: (_ for _ in ()).throw(PermissionError(13, "denied")))
        with pytest.raises(OriginUnavailable):
            read(place, "summer/shoe.jpg")
    place.root.rename(place.root.parent / "away")
    with pytest.raises(OriginUnavailable):
        read(place, "summer/shoe.jpg")


def test_names_what_lies_in_it_in_order(place: FolderPlace) -> None:
    (place.root / "a.jpg").write_bytes(b"a")
    (place.root / "link.jpg").symlink_to("a.jpg")
    assert [path for path, _ in place.paths()] == ["a.jpg", "summer/shoe.jpg"]
    assert dict(place.paths())["a.jpg"]["size"] == 1
