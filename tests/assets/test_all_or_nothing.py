"""An upload succeeds whole, or it leaves neither row nor file; the same bytes are stored once."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import storages
from django.db import DatabaseError
from django.test import TestCase

from assets import blobs, masters
from assets.disk import AtomicFileSystemStorage
from assets.models import Blob, Master
from assets.uploads import upload_from_bytes
from tests.assets.caller import Caller, Part, is_nothing_left, photo, problem, stored_files

pytestmark = pytest.mark.django_db

ROOT = Path(__file__).resolve().parents[2]
FOUR = [Part(photo("jpeg", seed)) for seed in (1, 2, 3, 4)]


class SickStorage(AtomicFileSystemStorage):
    """Fails at the second file of a test."""

    error: Exception
    saved = 0

    def _save(self, name: str, content: Any) -> str:
        type(self).saved += 1
        if type(self).saved == 2:
            raise type(self).error
        return super()._save(name, content)


class BackendError(Exception):
    """Like botocore's ClientError: not an OSError."""


@pytest.fixture
def sick(settings: Any) -> Callable[[Exception], None]:
    def make(error: Exception) -> None:
        SickStorage.error, SickStorage.saved = error, 0
        masters_storage = {**settings.STORAGES["masters"], "BACKEND": f"{__name__}.SickStorage"}
        settings.STORAGES = {**settings.STORAGES, "masters": masters_storage}

    return make


def test_one_bad_file_among_four_leaves_nothing(caller: Caller) -> None:
    for place in range(4):
        parts = [*FOUR[:place], Part(photo()[:400]), *FOUR[place + 1 :]]
        assert problem(caller.post_form(*parts))[0] == 400
        assert is_nothing_left()


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (OSError(errno.EIO, "Input/output error"), 503, "storage_unavailable"),
        (OSError(errno.ENOSPC, "No space left on device"), 507, "storage_full"),
        (OSError(errno.EDQUOT, "Quota exceeded"), 507, "storage_full"),
        (BackendError("AccessDenied"), 503, "storage_unavailable"),
    ],
)
def test_a_storage_that_fails_at_the_second_file_leaves_nothing(
    caller: Caller, sick: Callable[[Exception], None], error: Exception, status: int, code: str
) -> None:
    sick(error)
    answer = caller.post_form(*FOUR)
    assert problem(answer)[:2] == (status, code)
    assert ("Retry-After" in answer) == (status == 503)
    assert is_nothing_left()
    assert caller.post_form(*FOUR).status_code == 201


def test_a_database_that_fails_at_the_third_master_leaves_nothing(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    save, calls = Master.save, []

    def failing(master: Master, **options: Any) -> None:
        calls.append(master)
        if len(calls) == 3:
            raise DatabaseError("disk I/O error")
        save(master, **options)

    monkeypatch.setattr(Master, "save", failing)
    assert problem(caller.post_form(*FOUR))[:2] == (500, "internal_error")
    assert is_nothing_left()


def test_a_taken_key_leaves_what_was_there_and_nothing_more(caller: Caller) -> None:
    first = caller.upload(key="shop/shoe")
    answer = caller.post_form(
        Part(photo("png")), Part(photo("gif")), Part(b"a", None, "key"), Part(b"shop/shoe", None, "key")
    )
    assert problem(answer) == (409, "key_taken", "Another master has the key 'shop/shoe'.")
    assert [str(master.id) for master in Master.objects.all()] == [first["id"]]
    assert len(stored_files()) == Blob.objects.count() == 1


def test_the_same_bytes_are_one_blob_and_as_many_masters_as_were_uploaded(caller: Caller) -> None:
    caller.upload()
    caller.upload()
    assert caller.post_form(Part(photo(), "a.jpg"), Part(photo(), "b.jpg")).status_code == 201
    assert (Master.objects.count(), Blob.objects.count(), len(stored_files())) == (4, 1, 1)


def test_a_new_picture_twice_in_one_request_is_one_blob(caller: Caller) -> None:
    answer = caller.post_form(Part(photo(), "a.jpg"), Part(photo("png")), Part(photo(), "b.jpg"))
    assert [image["format"] for image in answer.json()] == ["jpeg", "png", "jpeg"]
    assert (Master.objects.count(), Blob.objects.count(), len(stored_files())) == (3, 2, 2)


def test_the_last_master_takes_blob_and_file_with_it_and_none_before(caller: Caller) -> None:
    with TestCase.captureOnCommitCallbacks(execute=True):
        first, second = caller.upload(), caller.upload()
        caller.delete(first["id"])
    assert (Blob.objects.count(), len(stored_files())) == (1, 1)
    with TestCase.captureOnCommitCallbacks(execute=True):
        caller.delete(second["id"])
    assert is_nothing_left()


def test_a_file_goes_only_after_the_commit(caller: Caller) -> None:
    image = caller.upload()
    with TestCase.captureOnCommitCallbacks(execute=True):
        assert caller.delete(image["id"]).status_code == 204
        assert len(stored_files()) == 1
    assert is_nothing_left()


def incoming(body: bytes) -> blobs.Incoming:
    return masters.inspect_upload(upload_from_bytes(body, "photo.jpg"))


def test_bytes_that_are_deleted_while_they_are_uploaded_again_are_stored_anew(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The blob was found, and is gone with its last master when it is to be locked."""
    master = Master.objects.get(id=caller.upload()["id"])
    old = master.blob.storage_name
    write = blobs._write_blob
    callbacks: list[Callable[[], object]] = []

    def write_while_it_is_deleted(one: blobs.Incoming) -> Blob:
        blob = write(one)
        if not callbacks:
            with TestCase.captureOnCommitCallbacks() as found:
                masters.delete_master(master)
            callbacks.extend(found)
        return blob

    monkeypatch.setattr(blobs, "_write_blob", write_while_it_is_deleted)
    with incoming(photo()).upload as upload:
        [again] = masters.create_masters([masters.inspect_upload(upload)])
    for callback in callbacks:
        callback()  # who deleted gets to the file only now
    assert again.blob.storage_name != old
    assert [file.name for file in stored_files()] == [str(again.blob.id)]
    assert stored_files()[0].read_bytes() == photo()


def test_bytes_that_somebody_else_registers_meanwhile_are_shared(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on PostgreSQL, where two transactions can both find no row."""
    find, calls = blobs._find_and_lock, []

    def blind_at_first(digest: str) -> Blob | None:
        calls.append(digest)
        if len(calls) == 1:
            Blob.objects.create(digest=digest, byte_size=len(photo()), format="jpeg", width=48, height=36)
            return None
        return find(digest)

    monkeypatch.setattr(blobs, "_find_and_lock", blind_at_first)
    caller.upload()
    assert Blob.objects.count() == 1
    assert stored_files() == [], "the file of the one who came second is removed"


@pytest.mark.parametrize("harm", [lambda file: file.unlink(), lambda file: file.write_bytes(photo()[:100])])
def test_a_lost_or_cut_file_is_healed_by_the_same_upload(caller: Caller, harm: Callable[[Path], None]) -> None:
    image = caller.upload()
    [file] = stored_files()
    harm(file)
    assert problem(caller.get(f"/image/{image['id']}"))[0] == 503
    caller.upload()
    assert caller.get(f"/image/{image['id']}").body == photo()
    assert (Master.objects.count(), stored_files()) == (2, [file])


def test_a_file_that_cannot_be_removed_hides_no_answer(caller: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*_: Any) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(AtomicFileSystemStorage, "delete", failing)
    assert caller.post_form(Part(photo()), Part(photo())).status_code == 201
    assert problem(caller.post_form(Part(photo("png")), Part(b"shop/a.b", None, "key")))[0] == 400
    with TestCase.captureOnCommitCallbacks(execute=True):
        for master in list(Master.objects.all()):
            assert caller.delete(str(master.id)).status_code == 204


def test_the_digest_is_that_of_the_bytes(caller: Caller) -> None:
    image = caller.upload()
    assert caller.get(f"/api/v1/image/{image['id']}").json()["digest"] == hashlib.sha256(photo()).hexdigest()
    with storages["masters"].open(Blob.objects.get().storage_name) as file:
        assert file.read() == photo()


def test_a_crowd_that_uploads_and_deletes_the_same_bytes_leaves_rows_and_files_in_agreement(tmp_path: Path) -> None:
    """Two processes of several threads on one database file, which a test's own transaction cannot show."""
    picture = tmp_path / "photo.jpg"
    picture.write_bytes(photo())
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("IMGOPT_", "DJANGO_"))},
        "IMGOPT_ENV_FILE": os.devnull,
        "IMGOPT_DATA_DIR": str(tmp_path / "var"),
        "IMGOPT_LOG_LEVEL": "error",
    }
    command = [sys.executable, "-m", "tests.assets.crowd", str(picture)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr
    uploaded, churned = json.loads(done.stdout)
    assert (uploaded["masters"], uploaded["blobs"], len(uploaded["files"])) == (16, 1, 1)
    assert (churned["masters"], churned["blobs"], len(churned["files"])) == (16 + 6, 2, 2)
    wanted = (photo(), photo() + b"churned")
    assert sorted(churned["digests"]) == sorted(hashlib.sha256(body).hexdigest() for body in wanted)
