"""`GET /image/{id}`: the stored bytes, byte for byte."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from assets import download
from assets.disk import AtomicFileSystemStorage
from assets.models import Master
from tests.assets.caller import Caller, photo, problem, stored_files
from tests.images import FORMATS, encoded, quadrants

pytestmark = pytest.mark.django_db

SIZE = len(photo())
ETAG = f'"{hashlib.sha256(photo()).hexdigest()}"'
OTHER = f'"{"0" * 64}"'


@pytest.fixture
def path(caller: Caller) -> str:
    return f"/image/{caller.upload(file_name='red shoe.jpeg')['id']}"


def test_sends_the_bytes_and_says_what_they_are(caller: Caller, path: str) -> None:
    answer = caller.get(path)
    assert (answer.status_code, answer.body) == (200, photo())
    assert {name: answer[name] for name in answer.headers if name not in ("X-Frame-Options", "Vary", "Allow")} == {
        "Content-Type": "image/jpeg",
        "Content-Length": str(SIZE),
        "Content-Disposition": 'inline; filename="red_shoe.jpg"',
        "ETag": ETAG,
        "Accept-Ranges": "bytes",
        "Cache-Control": "private, max-age=0, must-revalidate",
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "same-origin",
        "Cross-Origin-Opener-Policy": "same-origin",
    }


@pytest.mark.parametrize("kind", FORMATS)
def test_every_format_has_its_type_and_extension(caller: Caller, kind: str) -> None:
    body = encoded(quadrants(), kind)
    answer = caller.get(f"/image/{caller.upload(body, 'a.bin')['id']}")
    extension = {"jpeg": "jpg", "tiff": "tif"}.get(kind, kind)
    assert answer["Content-Type"] == {"ico": "image/x-icon"}.get(kind, f"image/{kind}")
    assert answer["Content-Disposition"] == f'inline; filename="a.{extension}"'
    assert answer.body == body


@pytest.mark.parametrize("accept", ["image/jpeg", "image/*", "text/html", ""])
def test_sends_them_whatever_is_accepted(caller: Caller, path: str, accept: str) -> None:
    assert caller.get(path, Accept=accept).status_code == 200


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [
        ("bytes=0-0", 0, 0),
        ("bytes=0-99", 0, 99),
        ("bytes=100-199", 100, 199),
        ("bytes=100-", 100, SIZE - 1),
        ("bytes=0-", 0, SIZE - 1),
        (f"bytes={SIZE - 1}-", SIZE - 1, SIZE - 1),
        ("bytes=-1", SIZE - 1, SIZE - 1),
        ("bytes=-100", SIZE - 100, SIZE - 1),
        ("bytes=-999999", 0, SIZE - 1),
        ("bytes=10-999999999999", 10, SIZE - 1),
    ],
)
def test_sends_the_part_that_is_asked_for(caller: Caller, path: str, asked: str, first: int, last: int) -> None:
    answer = caller.get(path, Range=asked)
    assert (answer.status_code, answer.body) == (206, photo()[first : last + 1])
    assert answer["Content-Range"] == f"bytes {first}-{last}/{SIZE}"
    assert answer["Content-Length"] == str(last - first + 1)
    assert (answer["ETag"], answer["Content-Type"], answer["X-Content-Type-Options"]) == (ETAG, "image/jpeg", "nosniff")


@pytest.mark.parametrize("asked", [f"bytes={SIZE}-", f"bytes={SIZE}-{SIZE + 5}", "bytes=999999999999999-", "bytes=-0"])
def test_a_part_outside_is_refused_with_the_size(caller: Caller, path: str, asked: str) -> None:
    answer = caller.get(path, Range=asked)
    assert problem(answer) == (416, "range_not_satisfiable", f"Expected a range within {SIZE} bytes.")
    assert answer["Content-Range"] == f"bytes */{SIZE}"


@pytest.mark.parametrize(
    "asked",
    [
        "bytes=0-9,20-29", "bytes=-", "bytes=", "bytes=a-b", "bytes=5-2", "bytes=999999-5", "bytes=-1-2", "bytes 0-9",
        "items=0-9", "bytes=０-９", "bytes=0-" + "9" * 400, "bytes= 0-9", "bytes=+0-9", "",
    ],
)  # fmt: skip
def test_what_is_no_single_range_gets_the_whole(caller: Caller, path: str, asked: str) -> None:
    answer = caller.get(path, Range=asked)
    assert (answer.status_code, answer.body) == (200, photo())


@pytest.mark.parametrize(
    ("condition", "status"), [(ETAG, 206), (OTHER, 200), (f"W/{ETAG}", 200), ("Wed, 21 Oct 2015", 200)]
)
def test_if_range_sends_the_whole_where_the_bytes_are_others(
    caller: Caller, path: str, condition: str, status: int
) -> None:
    answer = caller.get(path, Range="bytes=0-9", If_Range=condition)
    assert answer.status_code == status
    assert answer.body == (photo()[:10] if status == 206 else photo())


@pytest.mark.parametrize("condition", [ETAG, f"W/{ETAG}", f"{OTHER}, {ETAG}", "*"])
@pytest.mark.parametrize("asked", ["", "bytes=0-9"])
def test_whoever_has_the_bytes_gets_304_and_no_file_is_opened(
    caller: Caller, path: str, condition: str, asked: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(AtomicFileSystemStorage, "_open", None)
    answer = caller.get(path, If_None_Match=condition, Range=asked)
    assert (answer.status_code, answer.body, answer["ETag"]) == (304, b"", ETAG)
    assert answer["Cache-Control"] == "private, max-age=0, must-revalidate"


def test_whoever_has_others_gets_the_bytes(caller: Caller, path: str) -> None:
    assert caller.get(path, If_None_Match=OTHER).body == photo()
    assert caller.get(path, If_None_Match=OTHER, Range="bytes=0-9").body == photo()[:10]


@pytest.mark.parametrize("asked", ["", "bytes=0-9"])
def test_a_download_of_other_bytes_is_not_continued(caller: Caller, path: str, asked: str) -> None:
    assert problem(caller.get(path, If_Match=OTHER, Range=asked))[:2] == (412, "precondition_failed")
    assert caller.get(path, If_Match=ETAG, Range=asked).status_code in (200, 206)


def test_head_tells_the_length_and_ignores_ranges(caller: Caller, path: str) -> None:
    for headers in ({}, {"Range": "bytes=0-9"}):
        answer = caller.ask("HEAD", path, headers=headers)
        assert (answer.status_code, answer["Content-Length"], answer.body) == (200, str(SIZE), b"")
        assert answer["ETag"] == ETAG


@pytest.mark.parametrize(
    ("name", "disposition"),
    [
        ('a"; filename="evil.exe', 'inline; filename="a\\"; filename=\\"evil.exe.jpg"'),
        ("a;b=c", 'inline; filename="a;b=c.jpg"'),
        ("Größe – 38", "inline; filename*=utf-8''Gr%C3%B6%C3%9Fe%20%E2%80%93%2038.jpg"),
        ("evil.html", 'inline; filename="evil.html.jpg"'),
    ],
)
def test_hostile_names_stay_inside_the_header(caller: Caller, path: str, name: str, disposition: str) -> None:
    Master.objects.update(original_name=name)
    assert caller.get(path)["Content-Disposition"] == disposition


def test_a_damaged_file_is_not_sent_as_if_it_were_whole(
    caller: Caller, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored_files()[0].write_bytes(photo()[:-1])
    assert problem(caller.get(path)) == (
        503, "storage_unavailable", "The stored original is damaged: upload it again."
    )  # fmt: skip


def test_an_answer_that_is_dropped_before_its_first_piece_closes_the_file(path: str, caller: Caller) -> None:
    answer: Any = caller.client.get(path, headers=caller.headers)
    file = next(iter(closer.__self__ for closer in answer._resource_closers if hasattr(closer.__self__, "closed")))
    answer.close()
    assert file.closed


def test_large_files_go_out_in_pieces(caller: Caller) -> None:
    body = encoded(quadrants(900, 700), "bmp")
    answer = caller.get(f"/image/{caller.upload(body)['id']}")
    pieces = answer.pieces
    assert len(pieces) > 3
    assert b"".join(pieces) == body


def test_who_reads_slowly_holds_no_connection_of_the_database(
    caller: Caller, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten who take minutes would otherwise keep everybody else from it."""
    given_back: list[int] = []
    monkeypatch.setattr(download, "give_back", lambda: given_back.append(1))
    assert caller.get(path).body == photo()
    assert given_back
