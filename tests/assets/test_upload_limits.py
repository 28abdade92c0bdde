"""Uploads that are too much: for the settings, for the disk."""

from __future__ import annotations

import errno
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import TemporaryUploadedFile
from pytest_django import Settings

from assets.models import Master
from tests.assets.caller import FORM, IMAGES, Caller, Part, files_under, form, is_nothing_left, photo, problem
from tests.images import encoded, scene

pytestmark = pytest.mark.django_db


@pytest.fixture
def most(settings: Settings) -> int:
    """A limit that `photo` keeps to and two of its kind do not."""
    most = len(photo("tiff")) * 3 // 2
    settings.CONFIG = replace(settings.CONFIG, upload_max_bytes=most)
    return most


def test_one_file_beyond_the_limit_is_refused(caller: Caller, most: int) -> None:
    answer = caller.post_form(Part(encoded(scene(200, 150), "tiff")))
    assert problem(answer) == (
        413, "upload_too_large", f"Expected at most {most:,} bytes in one upload, received more."
    )  # fmt: skip
    assert is_nothing_left()


def test_the_limit_counts_all_files_of_a_request(caller: Caller, most: int) -> None:
    assert problem(caller.post_form(Part(photo("tiff")), Part(photo("tiff"))))[0] == 413
    assert is_nothing_left()
    assert problem(caller.post_form(Part(photo()), Part(b"x" * most, "notes.txt", "other")))[0] == 413
    assert is_nothing_left()
    caller.upload(photo("tiff"))


def test_the_very_limit_is_allowed(caller: Caller, settings: Settings) -> None:
    settings.CONFIG = replace(settings.CONFIG, upload_max_bytes=len(photo()))
    caller.upload()
    settings.CONFIG = replace(settings.CONFIG, upload_max_bytes=len(photo()) - 1)
    assert problem(caller.post_form(Part(photo())))[0] == 413


def test_a_length_beyond_the_limit_is_refused_before_a_byte_is_read(
    caller: Caller, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("assets.uploads._FormParser", None)  # reading would fail
    answer = caller.client.generic(
        "POST", IMAGES, b"x", FORM, headers=caller.headers, CONTENT_LENGTH=str(most + 5_000_000)
    )
    assert problem(answer)[:2] == (413, "upload_too_large")


def test_the_limit_holds_for_a_replacement_too(caller: Caller, most: int, temporary: Path) -> None:
    image = caller.upload()
    assert problem(caller.put(image["id"], Part(encoded(scene(200, 150), "tiff"))))[0] == 413
    assert Master.objects.get().blob.byte_size == len(photo())
    assert files_under(temporary) == []


def test_more_files_than_allowed_are_refused(caller: Caller, settings: Settings) -> None:
    settings.DATA_UPLOAD_MAX_NUMBER_FILES = 2
    assert problem(caller.post_form(*[Part(photo())] * 3)) == (
        400, "bad_request", "Expected at most 2 files in one upload, received more."
    )  # fmt: skip
    assert is_nothing_left()
    assert caller.post_form(*[Part(photo())] * 2).status_code == 201


@pytest.mark.parametrize(
    "fields", [[Part(b"x", None, f"f{number}") for number in range(1100)], [Part(b"x" * 3_000_000, None, "f")]]
)
def test_too_many_and_too_long_fields_are_refused(caller: Caller, fields: list[Part]) -> None:
    status, code, sentence = problem(caller.post_form(Part(photo()), *fields))
    assert (status, code) == (400, "bad_request")
    assert "fields" in sentence
    assert is_nothing_left()


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_while_the_upload_comes_in_is_told(
    caller: Caller, monkeypatch: pytest.MonkeyPatch, error: int
) -> None:
    def full(*_: object) -> None:
        raise OSError(error, "No space left on device")

    monkeypatch.setattr(TemporaryUploadedFile, "write", full, raising=False)
    answer = caller.ask("POST", IMAGES, form(Part(photo())), FORM)
    assert problem(answer) == (507, "storage_full", "There is no space left for uploads.")
    assert is_nothing_left()


class GoneClient:
    """A body that ends in the middle."""

    def __init__(self, body: bytes) -> None:
        self.body = body

    def read(self, size: int = -1) -> bytes:
        if not self.body:
            raise OSError(errno.ECONNRESET, "Connection reset by peer")
        chunk, self.body = self.body, b""
        return chunk

    readline = read


def test_a_client_that_goes_away_leaves_nothing(caller: Caller) -> None:
    whole = form(Part(photo()), Part(photo("png")))
    gone: dict[str, Any] = {"wsgi.input": GoneClient(whole[: len(whole) - 200])}
    answer = caller.client.generic("POST", IMAGES, whole, FORM, headers=caller.headers, **gone)
    assert problem(answer) == (400, "bad_request", "invalid multipart form")
    assert is_nothing_left()
