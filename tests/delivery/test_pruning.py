"""`manage.py prune` on a disk: nothing that is used goes, and of the rest nothing stays."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.core.management import CommandError, call_command
from django.test import TestCase
from django.utils import timezone
from pytest_django import Settings

from assets import pruning as leftovers
from assets.locks.machine import machine_lock
from assets.models import Blob
from assets.pruning import blob_id_of
from delivery import pruning
from delivery.models import Variant
from delivery.service import service
from jobs import ledger, running
from jobs.claim import Claim
from jobs.models import Job
from metrics.models import Curve
from tests.assets.caller import Caller, files_under, photo
from tests.delivery.world import digest_of, entry, key

pytestmark = pytest.mark.django_db
TWO_HOURS = 7200.0
ID = "01a2037e-5c1e-7a04-9d0b-3f6b5f0f2c11"
Prune = Callable[..., dict[str, int]]


@pytest.fixture(autouse=True)
def _temporary(settings: Settings, tmp_path: Path) -> None:
    folder = tmp_path / "tmp"
    folder.mkdir()
    settings.FILE_UPLOAD_TEMP_DIR = str(folder)
    settings.WHITENOISE_AUTOREFRESH = True


@pytest.fixture
def old(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything counts as older than the hour of grace."""
    for module in (leftovers, pruning):
        monkeypatch.setattr(module, "GRACE", timedelta(seconds=-60))


def found(**options: Any) -> dict[str, int]:
    return dict(pruning.prune(**options).counts)


def age(path: Path) -> None:
    os.utime(path, (time.time() - TWO_HOURS,) * 2)


def test_where_all_is_well_nothing_goes(old: None, tmp_path: Path) -> None:
    image = Caller.with_scopes("upload").upload()
    blob = Blob.objects.get()
    used = key(name="1")._replace(digest=blob.digest)
    service().lasting[-1].put(used, entry())
    assert found() == {}
    assert [path.name for path in files_under(tmp_path / "masters")] == [str(blob.id)]
    assert (tmp_path / "variants" / used.path).exists()
    assert image["id"]


def test_of_an_upload_that_was_killed_before_its_row_nothing_stays(old: None) -> None:
    Caller.with_scopes("upload").upload()
    lost = Blob(digest=digest_of("lost"))
    storages["masters"].save(lost.storage_name, ContentFile(photo()))
    assert found(dry_run=True) == found() == {"master": 1}
    assert not storages["masters"].exists(lost.storage_name)
    assert storages["masters"].exists(Blob.objects.get().storage_name)
    assert found() == {}


def test_an_upload_that_is_under_way_keeps_its_file() -> None:
    Caller.with_scopes("upload").upload()
    lost, there = Blob(digest=digest_of("lost")), Blob.objects.get()
    storages["masters"].save(lost.storage_name, ContentFile(photo()))
    assert found() == {}
    for blob in (lost, there):
        age(Path(storages["masters"].path(blob.storage_name)))
    assert found() == {"master": 1}
    assert storages["masters"].exists(there.storage_name)


@pytest.mark.parametrize("name", ["readme.txt", "ab/notes", f"00/{ID}x", f"zz/{ID}"])
def test_files_that_are_not_ours_stay(old: None, name: str) -> None:
    storages["masters"].save(name, ContentFile(b"mine"))
    assert found() == {}
    assert storages["masters"].exists(name)


def test_a_blobs_file_is_known_by_its_name() -> None:
    blob = Blob()
    assert blob_id_of(blob.storage_name) == blob.id
    assert blob_id_of(f"xx/{blob.id}") is None
    assert blob_id_of(f"{blob.id.hex[-2:]}/{blob.id.hex}") is None


def stored(number: int) -> list[Blob]:
    """So many files of masters without a row."""
    blobs = [Blob(digest=digest_of(str(number))) for number in range(number)]
    for blob in blobs:
        storages["masters"].save(blob.storage_name, ContentFile(b"x"))
    return blobs


@pytest.mark.parametrize(("number", "known"), [(1, 0), (21, 0), (4, 1)])
def test_with_another_database_no_master_is_touched(old: None, number: int, known: int) -> None:
    """All masters would be orphans, or as good as all; only somebody who says so can want that."""
    if known:
        Caller.with_scopes("upload").upload()
    blobs = stored(number)
    with pytest.raises(leftovers.TooMany, match=f"{number} of {number + known}"):
        found()
    with pytest.raises(CommandError, match="right one"):
        call_command("prune", skip_checks=True)
    assert all(storages["masters"].exists(blob.storage_name) for blob in blobs)
    assert found(even_many=True) == {"master": number}
    assert Blob.objects.count() == known


def test_variants_and_rows_of_bytes_that_are_gone_go(old: None) -> None:
    Caller.with_scopes("upload").upload()
    blob = Blob.objects.get()
    used, unused = key(name="1")._replace(digest=blob.digest), key("gone", "1")
    for each in (used, unused):
        service().lasting[-1].put(each, entry())
        Curve.objects.create(digest=each.digest, format="webp", effort="full", updated_at=timezone.now())
        Variant.objects.create(
            key=each.digest, digest=each.digest, width=1, height=1, byte_size=1, render_ms=1, created_at=timezone.now()
        )
    Curve.objects.create(digest="", format="webp", effort="full", updated_at=timezone.now())
    assert found() == {"variant": 1, "variant_row": 1, "curve_row": 1}
    assert service().lasting[-1].get(used) == entry()
    assert service().lasting[-1].get(unused) is None
    assert sorted(Curve.objects.values_list("digest", flat=True)) == sorted(["", blob.digest])


def test_after_deletes_and_replaces_there_is_nothing_to_prune(old: None) -> None:
    caller = Caller.with_scopes("upload", "manage")
    with TestCase.captureOnCommitCallbacks(execute=True):
        one, two = caller.upload(), caller.upload(photo("png"))
        caller.put(one["id"], *[part(photo("webp"))])
        caller.delete(two["id"])
    assert Blob.objects.count() == 1
    assert found() == {}


def part(body: bytes) -> Any:
    from tests.assets.caller import Part

    return Part(body)


def test_what_killed_processes_left_on_this_machine_goes(settings: Settings, tmp_path: Path) -> None:
    places = {
        "temporary": tmp_path / "tmp" / "abc.upload",
        "piece": tmp_path / "masters" / "ab" / ".123.part",
        "lock": tmp_path / "locks" / "somekey",
        "copy": tmp_path / "masters-cache" / "ab" / digest_of("gone"),
    }
    for path in places.values():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"left")
    assert found() == {}, "it may be somebody's who is at work"
    assert all(path.exists() for path in places.values())


def test_and_only_what_is_older_than_an_hour(old: None, tmp_path: Path) -> None:
    Caller.with_scopes("upload").upload()
    blob = Blob.objects.get()
    gone = [
        tmp_path / "tmp" / "abc.upload",
        tmp_path / "masters" / "ab" / ".123.part",
        tmp_path / "variants" / "ab" / "cd" / ".123.part",
        tmp_path / "locks" / "somekey",
        tmp_path / "masters-cache" / "ab" / digest_of("gone"),
        tmp_path / "masters-cache" / "ab" / ".123.part",
    ]
    kept = tmp_path / "masters-cache" / blob.digest[:2] / blob.digest
    for path in [*gone, kept]:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"left")
    assert found() == {"temporary": 1, "piece": 3, "lock": 1, "copy": 1}
    assert not any(path.exists() for path in gone)
    assert kept.exists()


def test_a_lock_that_somebody_holds_stays(old: None, tmp_path: Path) -> None:
    path = tmp_path / "locks" / "held"
    with machine_lock(path, 1.0):
        found()
        assert path.exists()
    assert not path.exists()


def test_a_lock_that_was_made_anew_meanwhile_stays(old: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its first holder came to an end, and another one has it now, between the look at it and its removal."""
    path = tmp_path / "locks" / "busy"
    path.parent.mkdir()
    path.write_bytes(b"")
    real = fcntl.flock

    def flock(*args: Any) -> None:
        path.unlink()
        path.write_bytes(b"")
        real(*args)

    monkeypatch.setattr(fcntl, "flock", flock)
    found()
    assert path.exists()


def test_one_that_cannot_be_removed_does_not_keep_the_others(old: None, monkeypatch: pytest.MonkeyPatch) -> None:
    Caller.with_scopes("upload").upload()
    blobs = stored(3)
    real = type(storages["masters"]).delete

    def delete(self: Any, name: str) -> None:
        if name == blobs[1].storage_name:
            raise PermissionError(name)
        real(self, name)

    monkeypatch.setattr(type(storages["masters"]), "delete", delete)
    report = pruning.prune()
    assert (report.counts["master"], report.failed["master"]) == (3, 1)
    assert [storages["masters"].exists(blob.storage_name) for blob in blobs] == [False, True, False]


def test_the_command_tells_what_it_finds(old: None, capsys: pytest.CaptureFixture[str]) -> None:
    Caller.with_scopes("upload").upload()
    lost = Blob(digest=digest_of("lost"))
    storages["masters"].save(lost.storage_name, ContentFile(b"." * 1234))
    call_command("prune", "--dry-run", skip_checks=True)
    told = capsys.readouterr().out
    assert lost.storage_name in told
    assert "master: 1, 1,234 bytes" in told
    assert "1 orphans found" in told
    call_command("prune", skip_checks=True)
    assert "1 orphans removed" in capsys.readouterr().out
    call_command("prune", skip_checks=True)
    assert "nothing to prune" in capsys.readouterr().out


def test_it_runs_once_a_day_by_itself(old: None) -> None:
    Caller.with_scopes("upload").upload()
    [lost] = stored(1)
    ledger.enqueue("prune_storage", {})
    job = ledger.claim(["upkeep"], worker="test:1", lease_seconds=30)
    assert job is not None
    running.run(Claim(job))
    assert Job.objects.get(id=job.id).result == {"master": {"count": 1, "byteSize": 1, "failed": 0}}
    assert not storages["masters"].exists(lost.storage_name)
