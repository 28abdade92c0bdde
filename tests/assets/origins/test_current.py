"""Masters of origins: fetched once, asked about when they are old, shown while the origin is down."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import TestCase
from django.utils import timezone

from assets import masters
from assets.blobs import blob_source
from assets.errors import MasterNotFound
from assets.models import Blob, Master
from assets.names import is_origin_path, origin_reference, split_origin_reference
from assets.origins import current
from assets.origins.absent import KEEP_FAILURE_SECONDS, KEEP_SECONDS, Absent
from assets.origins.errors import OriginNotFound, OriginRefused, OriginTimeout, OriginTooLarge, OriginUnavailable
from assets.signals import master_changed
from assets.uploads import upload_from_bytes
from pipeline.errors import BadParameter, Busy, NotAnImage
from tests.assets.caller import is_nothing_left, photo, stored_files
from tests.assets.origins.site import Site, endless, raw, redirect, silent, status
from tests.delivery.world import at_once, configure

pytestmark = pytest.mark.django_db


def age(reference: str) -> Master:
    """This will make a master old enough to be asked about."""
    master = masters.known_master(reference)
    Master.objects.filter(id=master.id).update(recheck_at=timezone.now() - timedelta(seconds=1))
    return master


def heard(work: Callable[[], Any]) -> list[tuple[Any, list[str]]]:
    """This will give what is announced of masters by `work`."""
    news: list[tuple[Any, list[str]]] = []

    def hear(master_id: Any, digests: list[str], **_: Any) -> None:
        news.append((master_id, digests))

    master_changed.connect(hear)
    try:
        with TestCase.captureOnCommitCallbacks(execute=True):
            work()
    finally:
        master_changed.disconnect(hear)
    return news


# Names


@pytest.mark.parametrize(
    ("path", "reference"),
    [
        ("shoe.jpg", "@shop/shoe.jpg"),
        ("a/b-c_d~e/F.G.jpg", "@shop/a/b-c_d~e/F.G.jpg"),
        ("rote schuhe.jpg", "@shop/~cm90ZSBzY2h1aGUuanBn"),
        ("~shoe.jpg", "@shop/~fnNob2UuanBn"),
        ("a/purge", "@shop/~YS9wdXJnZQ"),
        ("写真.jpg", "@shop/~5YaZ55yfLmpwZw"),
    ],
)
def test_a_path_is_written_in_what_urls_may_have_and_read_again(path: str, reference: str) -> None:
    assert origin_reference("shop", path) == reference
    assert split_origin_reference(reference) == ("shop", path)


@pytest.mark.parametrize(
    "reference",
    [
        "shop/a.jpg", "@shop", "@shop/", "@/a.jpg", "@Shop/a.jpg", "@shop/a b", "@shop/../a.jpg", "@shop/a/../b",
        "@shop/a//b", "@shop/./a", "@shop//etc/passwd", "@shop/a/", "@shop/~", "@shop/~!", "@shop/~YS8uLi9i",
        "@shop/~L2V0Yy9wYXNzd2Q", "@shop/~YQBi", "@shop/~_w", "@shop/~YQo", "@shop/" + "a" * 513,
        "@" + "s" * 51 + "/a.jpg", "@shop/a\n",
    ],
)  # fmt: skip
def test_other_references_name_nothing(site: Site, reference: str) -> None:
    assert split_origin_reference(reference) is None
    with pytest.raises(MasterNotFound):
        masters.get_master(reference)
    assert site.asked == []


@pytest.mark.parametrize("path", ["", "a\x7f", "a\nb", "\udcff.jpg", "a/.."])
def test_what_is_no_path_downwards_is_none(path: str) -> None:
    assert not is_origin_path(path)


# The first time


def test_a_new_picture_is_fetched_decoded_and_kept(site: Site, temporary: Path) -> None:
    site.shows("/media/summer/red%20shoe.v2.jpg", photo())
    reference = origin_reference("shop", "summer/red shoe.v2.jpg")
    master = masters.get_master(reference)
    assert (master.reference, master.original_name, master.revision) == (reference, "red_shoe.v2", 1)
    assert (master.blob.format, master.blob.width, master.blob.is_copied) == ("jpeg", 48, True)
    assert Path(str(blob_source(master.blob))).read_bytes() == photo()
    assert list(temporary.iterdir()) == []
    for again in (reference, str(master.id)):
        assert masters.get_master(again).id == master.id
    assert len(site.asked) == 1


def test_an_origin_that_is_not_allowed_is_not_found(site: Site) -> None:
    with pytest.raises(OriginNotFound, match="'other'"):
        masters.get_master("@other/a.jpg")


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (status(404), OriginNotFound),
        (status(500), OriginUnavailable),
        (redirect("http://10.0.0.1/a.jpg"), OriginRefused),
        (endless(b"HTTP/1.1 200 OK\r\nContent-Length: 10000000000\r\n\r\n", b"x" * 65_536), OriginTooLarge),
        (endless(b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 65_536), OriginTooLarge),
        (raw(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n\xff\xd8\xff"), OriginUnavailable),
        (raw(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>"), NotAnImage),
        (raw(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"), NotAnImage),
        (silent, OriginTimeout),
    ],
    ids=["absent", "broken", "private", "10 GB", "endless", "cut", "page", "empty", "silent"],
)
def test_a_bad_origin_leaves_nothing_and_is_not_asked_again_at_once(
    site: Site, answer: Any, error: type[Exception]
) -> None:
    configure(origins_timeout_seconds=0.2 if answer is silent else 5, origins_max_bytes=200_000)
    site.answers["/media/a.jpg"] = answer
    for _ in range(3):
        with pytest.raises(error):
            masters.get_master("@shop/a.jpg")
    assert len(site.asked) == 1
    assert is_nothing_left()
    assert not any((settings.IMGOPT_DATA_DIR / "locks").iterdir())


def test_what_was_in_vain_is_remembered_for_a_short_time() -> None:
    now = [0.0]
    absent = Absent(clock=lambda: now[0])
    absent.note("shop", "none.jpg", OriginNotFound("none"))
    absent.note("shop", "down.jpg", OriginUnavailable("down"))
    absent.note("shop", "busy.jpg", Busy("ours"))
    absent.check("shop", "busy.jpg")
    absent.check("other", "none.jpg")
    for path, error, seconds in (
        ("down.jpg", OriginUnavailable, KEEP_FAILURE_SECONDS),
        ("none.jpg", OriginNotFound, KEEP_SECONDS),
    ):
        with pytest.raises(error):
            absent.check("shop", path)
        now[0] = seconds
        absent.check("shop", path)


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("assets.origins.absent.MAX_PATHS", 3)
    absent = Absent()
    for number in range(10):
        absent.note("shop", str(number), OriginNotFound("none"))
        assert len(absent._errors) <= 3


def test_too_many_fetches_at_once_are_turned_away(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.shows("/media/a.jpg", photo())
    full = threading.BoundedSemaphore(1)
    full.acquire()
    monkeypatch.setattr(current, "_places_left", full)
    with pytest.raises(Busy):
        masters.get_master("@shop/a.jpg")
    full.release()
    assert masters.get_master("@shop/a.jpg").blob.width == 48


@pytest.mark.django_db(transaction=True)
def test_a_crowd_that_wants_one_new_picture_makes_one_fetch(site: Site) -> None:
    everybody = threading.Barrier(2)

    def late(handler: Any) -> None:
        everybody.wait(20)
        shown(handler)

    site.shows("/media/a.jpg", photo())
    shown, site.answers["/media/a.jpg"] = site.answers["/media/a.jpg"], late
    flight = current._flight(settings.IMGOPT_DATA_DIR / "locks")
    real, joined, lock = flight._join, [0], threading.Lock()

    def join(key: str) -> Any:
        found = real(key)
        with lock:
            joined[0] += 1
            if joined[0] == 8:
                threading.Thread(target=lambda: everybody.wait(20)).start()
        return found

    flight._join = join  # type: ignore[method-assign]
    found = at_once(8, lambda: masters.get_master("@shop/a.jpg").id)
    assert len(set(map(str, found))) == 1
    assert len(site.asked) == 1
    assert Master.objects.count() == 1


def test_who_was_first_in_another_process_is_believed(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.shows("/media/a.jpg", photo())
    first = masters.get_master("@shop/a.jpg")
    assert current.first_master("shop", "a.jpg").id == first.id
    assert len(site.asked) == 1
    real, calls = current._find, []

    def blind_at_first(origin: str, path: str) -> Master | None:
        calls.append(path)
        return None if len(calls) == 1 else real(origin, path)

    monkeypatch.setattr(current, "_find", blind_at_first)
    assert current.first_master("shop", "a.jpg").id == first.id, "as of another machine, whose lock is not seen here"
    assert (Master.objects.count(), Blob.objects.count(), len(stored_files())) == (1, 1, 1)


# Later


@pytest.mark.parametrize("etag", [True, False])
def test_an_old_master_is_asked_about_once_and_is_the_same_if_the_bytes_are(site: Site, etag: bool) -> None:
    site.shows("/media/a.jpg", photo(), etag=etag)
    first = masters.get_master("@shop/a.jpg")
    before = age("@shop/a.jpg").checked_at
    assert heard(lambda: masters.get_master("@shop/a.jpg")) == []
    again = masters.get_master("@shop/a.jpg")
    assert (again.id, again.revision, again.blob_id) == (first.id, 1, first.blob_id)
    assert before is not None
    assert again.checked_at is not None
    assert again.checked_at > before
    assert len(site.asked) == 2
    assert ("if-none-match" in site.asked[1][1]) == etag


@pytest.mark.parametrize("by", ["@shop/a.jpg", "id", "key"])
def test_another_picture_is_a_new_revision_and_is_announced(site: Site, by: str) -> None:
    site.shows("/media/a.jpg", photo())
    first = masters.get_master("@shop/a.jpg")
    masters.change_master(first, {"focal_x": 0.2, "focal_y": 0.3, "tags": ["summer"], "key": "shop/shoe"})
    age("@shop/a.jpg")
    site.shows("/media/a.jpg", photo("png"))
    reference = {"id": str(first.id), "key": "shop/shoe"}.get(by, by)
    assert heard(lambda: masters.get_master(reference)) == [(first.id, [first.blob.digest])]
    again = masters.get_master(reference)
    assert (again.id, again.revision, again.blob.format) == (first.id, 3, "png")
    assert (again.focal_x, again.focal_y, [tag.name for tag in again.tags.all()]) == (0.2, 0.3, ["summer"])
    assert (Blob.objects.count(), len(stored_files())) == (1, 1)


@pytest.mark.parametrize(
    "answer",
    [status(500), redirect("http://10.0.0.1/"), raw(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>"), silent],
)
def test_while_the_origin_is_down_the_known_master_stays_and_the_origin_is_left_alone(site: Site, answer: Any) -> None:
    site.shows("/media/a.jpg", photo())
    first = masters.get_master("@shop/a.jpg")
    age("@shop/a.jpg")
    site.answers["/media/a.jpg"] = answer
    configure(origins_timeout_seconds=0.2)
    for _ in range(3):
        known = masters.get_master("@shop/a.jpg")
        assert (known.id, known.revision, known.blob.digest) == (first.id, 1, first.blob.digest)
    assert len(site.asked) == 2
    site.shows("/media/a.jpg", photo("png"))
    age("@shop/a.jpg")
    assert masters.get_master("@shop/a.jpg").blob.format == "png"


def test_what_is_gone_at_the_origin_is_gone_here_and_comes_back(site: Site) -> None:
    site.shows("/media/a.jpg", photo())
    first = masters.get_master("@shop/a.jpg")
    masters.change_master(first, {"tags": ["summer"]})
    age("@shop/a.jpg")
    del site.answers["/media/a.jpg"]

    def ask() -> None:
        for reference in ("@shop/a.jpg", "@shop/a.jpg", str(first.id)):
            with pytest.raises(OriginNotFound):
                masters.get_master(reference)

    assert heard(ask) == [(first.id, [first.blob.digest])]
    assert len(site.asked) == 2
    site.shows("/media/a.jpg", photo())
    age("@shop/a.jpg")
    again = masters.get_master("@shop/a.jpg")
    assert (again.id, [tag.name for tag in again.tags.all()]) == (first.id, ["summer"])


def test_an_origin_that_is_allowed_no_more_shows_nothing(site: Site) -> None:
    site.shows("/media/a.jpg", photo())
    first = masters.get_master("@shop/a.jpg")
    configure(origins=())
    for reference in ("@shop/a.jpg", str(first.id)):
        with pytest.raises(OriginNotFound, match="no origin"):
            masters.get_master(reference)
    assert masters.known_master(str(first.id)).checked_at is not None, "it may be allowed again"


def test_who_comes_second_does_not_ask_and_has_what_is_known(site: Site) -> None:
    site.shows("/media/a.jpg", photo())
    masters.get_master("@shop/a.jpg")
    age("@shop/a.jpg")
    old = masters.known_master("@shop/a.jpg")
    assert current._claim(masters.known_master("@shop/a.jpg"), timezone.now())
    second = current.recent_master(old)
    assert second.id == old.id
    assert second.recheck_at is not None
    assert second.recheck_at > timezone.now()
    assert len(site.asked) == 1


def test_a_master_that_is_deleted_while_it_is_asked_about_leaves_nothing(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.shows("/media/a.jpg", photo())
    master = masters.get_master("@shop/a.jpg")
    age("@shop/a.jpg")
    site.shows("/media/a.jpg", photo("png"))
    real = current._inspected

    def delete_first(*args: Any) -> Any:
        masters.delete_master(master)
        return real(*args)

    monkeypatch.setattr(current, "_inspected", delete_first)
    with TestCase.captureOnCommitCallbacks(execute=True), pytest.raises(OriginNotFound):
        masters.get_master("@shop/a.jpg")
    assert is_nothing_left()


def test_a_master_of_an_origin_is_not_replaced_by_hand(site: Site) -> None:
    site.shows("/media/a.jpg", photo())
    master = masters.get_master("@shop/a.jpg")
    with upload_from_bytes(photo("png"), "b.png") as upload, pytest.raises(BadParameter, match="origin 'shop'"):
        masters.replace_master(master, masters.inspect_upload(upload))


# Bytes that stay where they lie


@pytest.fixture
def scan(folder: Path) -> Master:
    (folder / "a.jpg").write_bytes(photo())
    return masters.get_master("@scans/a.jpg")


def test_a_folders_bytes_are_not_copied(scan: Master) -> None:
    assert not scan.blob.is_copied
    assert stored_files() == []
    assert blob_source(scan.blob) == photo()


def test_deleting_the_master_leaves_the_folders_file_alone(scan: Master, folder: Path) -> None:
    with TestCase.captureOnCommitCallbacks(execute=True):
        masters.delete_master(scan)
    assert is_nothing_left()
    assert (folder / "a.jpg").read_bytes() == photo()


def upload(body: bytes) -> Master:
    with upload_from_bytes(body, "photo.jpg") as file:
        [master] = masters.create_masters([masters.inspect_upload(file)])
    return master


def test_uploading_the_same_bytes_makes_them_our_own(scan: Master, folder: Path) -> None:
    uploaded = upload(photo())
    assert uploaded.blob_id == scan.blob_id
    assert Blob.objects.get().is_copied
    (folder / "a.jpg").unlink()
    assert Path(str(blob_source(uploaded.blob))).read_bytes() == photo()
    with TestCase.captureOnCommitCallbacks(execute=True):
        masters.delete_master(uploaded)
        masters.delete_master(scan)
    assert is_nothing_left()


def test_bytes_that_were_uploaded_before_are_read_from_our_storage(folder: Path) -> None:
    uploaded = upload(photo())
    (folder / "a.jpg").write_bytes(photo())
    scan = masters.get_master("@scans/a.jpg")
    assert scan.blob_id == uploaded.blob_id
    assert Blob.objects.get().is_copied
    stored_files()[0].unlink()
    (folder / "b.jpg").write_bytes(photo())
    masters.get_master("@scans/b.jpg")
    assert stored_files()[0].read_bytes() == photo(), "and healed where they were lost"


def test_of_two_files_with_the_same_bytes_either_will_do(scan: Master, folder: Path) -> None:
    (folder / "b.jpg").write_bytes(photo())
    other = masters.get_master("@scans/b.jpg")
    assert other.blob_id == scan.blob_id
    (folder / "a.jpg").unlink()
    assert blob_source(other.blob) == photo()
    with TestCase.captureOnCommitCallbacks(execute=True):
        masters.delete_master(scan)
    assert blob_source(other.blob) == photo()


def test_a_file_that_was_changed_is_never_shown_under_the_digest_of_another(scan: Master, folder: Path) -> None:
    (folder / "a.jpg").write_bytes(photo("png"))
    with pytest.raises(OriginUnavailable, match="another one"):
        blob_source(scan.blob)
    again = masters.get_master("@scans/a.jpg")
    assert (again.id, again.revision, again.blob.format) == (scan.id, 2, "png"), "and is asked about at once"
    assert blob_source(again.blob) == photo("png")
    assert Blob.objects.count() == 1


def test_a_file_that_is_gone_is_unavailable_until_it_is_asked_about(scan: Master, folder: Path) -> None:
    (folder / "a.jpg").unlink()
    with pytest.raises(OriginUnavailable):
        blob_source(scan.blob)
    age("@scans/a.jpg")
    with pytest.raises(OriginNotFound):
        masters.get_master("@scans/a.jpg")


def test_a_touched_file_with_the_same_bytes_is_the_same_revision(scan: Master, folder: Path) -> None:
    os.utime(folder / "a.jpg", ns=(1, 1))
    age("@scans/a.jpg")
    again = masters.get_master("@scans/a.jpg")
    assert (again.revision, again.origin_said["mtime_ns"]) == (1, 1)
