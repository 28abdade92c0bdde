"""`POST /api/v1/images`: what comes in, and what is told of it."""

from __future__ import annotations

import hashlib
import io
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import TemporaryUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext

from assets import masters
from assets.models import Blob, Master
from assets.uploads import Tail
from tests.assets.caller import (
    BOUNDARY,
    FORM,
    IMAGES,
    Caller,
    Part,
    form,
    is_nothing_left,
    names_of,
    photo,
    problem,
    stored_files,
)
from tests.images import FORMATS, animation, encoded, oriented, photo_with_gps, quadrants, scene

pytestmark = pytest.mark.django_db

HEIC = b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic" + b"\x00" * 64
JXL = b"\xff\x0a" + b"\x00" * 64


def test_tells_id_name_format_size_and_bytes(caller: Caller) -> None:
    answer = caller.post_form(Part(photo(), "Mein Porträt (1).jpg"))
    assert (answer.status_code, answer["Content-Type"]) == (201, "application/json")
    [image] = answer.json()
    master = Master.objects.get()
    assert image == {
        "id": str(master.id),
        "originalName": "Mein_Portr_t_1",
        "format": "jpeg",
        "width": 48,
        "height": 36,
        "byteSize": len(photo()),
    }
    assert master.id.version == 7
    [file] = stored_files()
    assert file.read_bytes() == photo()
    assert master.blob.digest == hashlib.sha256(photo()).hexdigest()


def test_answers_many_files_in_their_order_whatever_their_bytes(caller: Caller) -> None:
    bodies = [photo("png"), photo(), photo("webp"), photo(), photo("jpeg", 2)]
    answer = caller.post_form(*[Part(body, f"{number}.bin") for number, body in enumerate(bodies)])
    assert names_of(answer.json()) == ["0", "1", "2", "3", "4"]
    assert [image["byteSize"] for image in answer.json()] == [len(body) for body in bodies]
    assert Blob.objects.count() == 4
    assert len(stored_files()) == 4


@pytest.mark.parametrize("kind", FORMATS)
def test_takes_every_accepted_format_by_its_bytes_not_by_its_name(caller: Caller, kind: str) -> None:
    image = caller.upload(encoded(quadrants(), kind), "picture.txt")
    assert (image["format"], image["width"], image["height"]) == (kind, 64, 48)


def test_keeps_what_was_found_in_the_bytes(caller: Caller) -> None:
    image = caller.upload(oriented(quadrants(64, 48), 6))
    full = caller.get(f"/api/v1/image/{image['id']}").json()
    assert (full["width"], full["height"], full["orientation"], full["isSrgb"]) == (64, 48, 6, True)
    film = caller.upload(animation("gif", [quadrants(), quadrants().invert()]), "film.gif")
    assert caller.get(f"/api/v1/image/{film['id']}").json()["pages"] == 2
    tagged = caller.upload(photo_with_gps())
    assert "sRGB" in caller.get(f"/api/v1/image/{tagged['id']}").json()["profile"]


def test_a_key_can_be_given_to_every_file(caller: Caller) -> None:
    answer = caller.post_form(
        Part(photo()), Part(photo("png")), Part(b"shop/a", None, "key"), Part(b"", None, "key")
    )  # fmt: skip
    assert answer.status_code == 201
    first, second = (Master.objects.get(id=image["id"]) for image in answer.json())
    assert (first.key, second.key) == ("shop/a", None)


@pytest.mark.parametrize(
    ("keys", "status", "words"),
    [
        (["shop/a"], 400, "one for each of 2 files, received 1"),
        (["a", "b", "c"], 400, "received 3"),
        (["shop/a", "shop/b.jpg"], 400, "for key, received 'shop/b.jpg'"),
        (["shop/a", "01890a5d-ac96-774b-bcce-b302099a8057"], 400, "cannot be taken for an id"),
        (["shop/a", "shop/metadata"], 400, "reserved word"),
        (["shop/a", "x" * 300], 400, "for key"),
        (["shop/a", "shop/a"], 409, "Another master has the key 'shop/a'."),
    ],
)
def test_keys_that_cannot_be_leave_nothing(caller: Caller, keys: list[str], status: int, words: str) -> None:
    fields = [Part(key.encode(), None, "key") for key in keys]
    found = problem(caller.post_form(Part(photo()), Part(photo("png")), *fields))
    assert found[0] == status
    assert words in found[2]
    assert is_nothing_left()


@pytest.mark.parametrize(
    ("file_name", "kept"),
    [
        ("..", "unknown"),
        ("C:\\\\fotos\\\\Ein Bild.final.JPG", "Ein_Bild.final"),
        ("a/b/c.jpg", "c"),
        ("写真.jpg", "unknown"),
        ("x" * 600 + ".jpg", "x" * 128),
        ("a." + "e" * 600, "a"),
        ("b." + "é" * 200, "b"),
        ("photo", "photo"),
    ],
)
def test_whatever_a_file_is_called_it_is_stored(caller: Caller, file_name: str, kept: str) -> None:
    """Django itself drops `..` silently, and fails when the extension is longer than a file name may be."""
    answer = caller.post_form(Part(photo(), "first.jpg"), Part(photo("png"), file_name))
    assert names_of(answer.json()) == ["first", kept]


@pytest.mark.parametrize(
    "parts",
    [
        [],
        [Part(b"value", None, "field")],
        [Part(photo(), "photo.jpg", "image")],
        [Part(photo(), "photo.jpg", "FILE")],
        [Part(photo(), None, "file")],
        [Part(b"", "", "file")],  # a form's file input where nothing was chosen
    ],
)
def test_a_form_without_files_has_no_images(caller: Caller, parts: list[Part]) -> None:
    assert problem(caller.post_form(*parts)) == (400, "bad_request", "no images provided")
    assert is_nothing_left()


WHOLE = form(Part(photo(), "a.jpg"), Part(photo("png"), "b.png"))


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b'{"file": 1}', "application/json"),
        (b"file=1", "application/x-www-form-urlencoded"),
        (photo(), "image/jpeg"),
        (photo(), "application/octet-stream"),
        (b"", ""),
        (b"", FORM),
        (b"", "application/json"),
        (WHOLE, ""),
        (WHOLE, "multipart/form-data"),
        (WHOLE, "multipart/form-data; boundary="),
        (WHOLE, "multipart/form-data; boundary=other"),
        (WHOLE, f"multipart/form-data; boundary={'x' * 300}"),
        (WHOLE, f"multipart/mixed; boundary={BOUNDARY}"),
        (b"no form at all", FORM),
        (f"--{BOUNDARY}--".encode(), "multipart/form-data; boundary=bound"),
    ],
)
def test_what_is_no_form_is_told(caller: Caller, body: bytes, content_type: str) -> None:
    answer = caller.ask("POST", IMAGES, body, content_type)
    assert problem(answer) == (400, "bad_request", "invalid multipart form")
    assert is_nothing_left()


@pytest.mark.parametrize("cut", [1 + len("--\r\n"), 40, len(photo("png")), len(photo("png")) + 120, len(WHOLE) - 10])
def test_a_form_that_was_cut_off_is_none_wherever_the_cut_is(caller: Caller, cut: int) -> None:
    """Django drops the part that was cut, and would store the others."""
    answer = caller.ask("POST", IMAGES, WHOLE[:-cut], FORM)
    assert problem(answer) == (400, "bad_request", "invalid multipart form")
    assert is_nothing_left()


def test_broken_base64_in_a_part_is_no_form(caller: Caller) -> None:
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n'
    body = f"{head}Content-Transfer-Encoding: base64\r\n\r\nabcde\r\n--{BOUNDARY}--\r\n".encode()
    assert problem(caller.ask("POST", IMAGES, body, FORM))[2] == "invalid multipart form"
    assert is_nothing_left()


def test_an_epilogue_and_a_missing_last_line_end_are_fine(caller: Caller) -> None:
    for body in (form(Part(photo())).removesuffix(b"\r\n"), form(Part(photo())) + b"\r\n"):
        assert caller.ask("POST", IMAGES, body, FORM).status_code == 201


def refused(caller: Caller, body: bytes) -> tuple[int, str, str]:
    found = problem(caller.post_form(Part(photo()), Part(body, "photo.jpg")))
    assert is_nothing_left()
    return found


@pytest.mark.parametrize(
    "body", [b"", b"hello", b"x" * 5000, b"\xff\xd8", b"<html>", b"GIF88a", b"\x00" * 100, b"%PDF-1.7\n", b"%!PS"]
)
def test_only_image_files_are_allowed(caller: Caller, body: bytes) -> None:
    assert refused(caller, body) == (400, "not_an_image", "only image files allowed")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (HEIC, "HEIC pictures are not accepted: export the photo as JPEG or AVIF."),
        (JXL, "JPEG XL pictures are not accepted: export"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG pictures are not accepted: it is sharp at every size"),
        (b"8BPS\x00\x01", "Photoshop pictures are not accepted: export"),
    ],
)
def test_formats_that_are_not_accepted_hear_what_to_do_instead(caller: Caller, body: bytes, words: str) -> None:
    status, code, sentence = refused(caller, body)
    assert (status, code) == (400, "unsupported_format")
    assert words in sentence


@pytest.mark.parametrize(
    "damage",
    [
        lambda jpeg: jpeg[: len(jpeg) // 2],
        lambda jpeg: jpeg[:-40],
        lambda jpeg: jpeg[:40],
        lambda _: photo("png")[:-20],
        lambda _: photo("png").replace(b"IDAT", b"IDAX"),
        lambda _: photo("webp")[:-30],
        lambda _: photo("gif")[:60],
    ],
)
def test_a_damaged_picture_is_told_as_such(caller: Caller, damage: Callable[[bytes], bytes]) -> None:
    status, code, sentence = refused(caller, damage(photo()))
    assert (status, code) == (400, "damaged_image")
    assert sentence.endswith(".")
    assert "/" not in sentence, "no path of ours is told"


def test_too_many_pixels_are_told_before_one_is_decoded(caller: Caller) -> None:
    png = bytearray(photo("png"))
    png[16:24] = (20_000).to_bytes(4, "big") * 2
    png[29:33] = zlib.crc32(bytes(png[12:29])).to_bytes(4, "big")
    status, code, sentence = refused(caller, bytes(png))
    assert (status, code) == (413, "image_too_large")
    assert "400" in sentence


def test_a_refused_upload_does_not_disturb_the_next_one(caller: Caller) -> None:
    refused(caller, photo()[:500])
    assert caller.upload()["width"] == 48


def test_the_bytes_are_never_held_in_memory(caller: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[TemporaryUploadedFile] = []
    inspect = masters.inspect_upload

    def spy(upload: TemporaryUploadedFile) -> Any:
        data = Path(upload.temporary_file_path()).read_bytes()
        assert hashlib.sha256(data).hexdigest() == upload.digest  # type: ignore[attr-defined]
        seen.append(upload)
        return inspect(upload)

    monkeypatch.setattr("assets.api.masters.inspect_upload", spy)
    big = encoded(scene(1200, 900), "png")
    assert len(big) > 1_000_000
    caller.post_form(Part(big), Part(photo()))
    assert [type(upload) for upload in seen] == [TemporaryUploadedFile] * 2
    assert seen[0].size == len(big)


def test_the_stream_is_hashed_as_it_comes_in_pieces() -> None:
    tail = Tail(io.BytesIO(b"0123456789"), length=4)
    assert [tail.read(3), tail.last] == [b"012", b"012"]
    assert [tail.read(3), tail.last] == [b"345", b"2345"]
    assert [tail.read(100), tail.last] == [b"6789", b"6789"]
    assert [tail.read(100), tail.last] == [b"", b"6789"]


def test_refusals_touch_no_table_of_masters(caller: Caller) -> None:
    with CaptureQueriesContext(
        connection,
    ) as queries:
        caller.ask("POST", IMAGES, b"no form at all", FORM)
        caller.post_form(Part(b"hello"))
    assert not [query for query in queries if "assets_" in query["sql"]]
