"""What a worker makes of a job: one copy a task, exactly once, whatever happens in between."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.conf import settings as django_settings
from django.utils import timezone
from PIL import ExifTags, Image
from pytest_django import Settings
from skimage.metrics import structural_similarity

from assets import children, masters
from assets.blobs import with_blobs
from assets.masters import known_master
from assets.models import Blob, Master
from jobs import ledger, running
from jobs.claim import Claim
from jobs.models import Job
from pipeline.errors import Busy, ImgoptError, OutputTooLarge, RenderFailed
from pipeline.rendition import Rendition
from tests.assets.caller import Caller, files_under, is_nothing_left, stored_files
from tests.images import animation, encoded, opened, oriented, photo_with_gps, pixels_of, print_photo, quadrants, scene
from tests.jobs.compat.conftest import begin, job_of, variants_of, work_all

pytestmark = pytest.mark.django_db


def made(caller: Caller, body: bytes, name: str = "photo.jpg", **option: Any) -> tuple[dict[str, Any], bytes]:
    """This will upload a picture and have one copy made."""
    job = begin(caller, caller.upload(body, name)["id"], option)
    work_all()
    [found] = variants_of(caller, job)
    return found


def attempt(job: dict[str, Any], *, later: float = 0) -> Job:
    """This will work on a job once."""
    now = timezone.now() + timedelta(seconds=later)
    claimed = ledger.claim_one(Job.objects.get(id=job["id"]).id, worker="test:1", lease_seconds=30, now=now)
    assert claimed is not None
    running.run(Claim(claimed))
    return Job.objects.get(id=job["id"])


@pytest.fixture
def outcomes(monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[int, ImgoptError]], list[int]]:
    """Has renders of some places fail; gives how many requests each call had."""

    def fail(errors: dict[int, ImgoptError]) -> list[int]:
        pool, calls = children.render_pool(), []
        render_many = pool.render_many

        def render(source: Any, requests: Any, **rest: Any) -> list[Rendition | ImgoptError]:
            calls.append(len(requests))
            found = render_many(source, requests, **rest)
            return [errors.get(place, one) for place, one in enumerate(found)]

        monkeypatch.setattr(pool, "render_many", render)
        return calls

    return fail


# What is made


@pytest.mark.parametrize("kind", ["jpeg", "png", "webp", "avif"])
def test_every_format_can_be_asked_for(caller: Caller, kind: str) -> None:
    image, body = made(caller, encoded(scene(), "jpeg"), format=kind)
    assert (image["format"], image["width"], image["height"]) == (kind, 160, 120)
    assert opened(body).format == kind.upper()


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (encoded(quadrants(), "gif"), "png"),
        (encoded(quadrants(), "tiff"), "png"),
        (encoded(quadrants(), "bmp"), "png"),
        (encoded(quadrants(), "jpeg"), "jpeg"),
        (animation("gif", [quadrants(), quadrants().fliphor()]), "webp"),
    ],
)
def test_without_a_format_it_is_the_images_own_or_the_nearest(caller: Caller, body: bytes, expected: str) -> None:
    assert made(caller, body)[0]["format"] == expected


def test_sizes_are_exact_and_nothing_is_enlarged(caller: Caller) -> None:
    job = begin(
        caller,
        caller.upload(oriented(quadrants(640, 427), 6))["id"],
        {"maxDimension": 333},
        {"maxDimension": 5000},
        {"maxDimension": 0},
        {},
    )
    work_all()
    sizes = [(image["width"], image["height"]) for image, _ in variants_of(caller, job)]
    assert sizes == [(333, 222), (640, 427), (640, 427), (640, 427)]


def test_a_photo_of_the_camera_is_shrunk_for_the_table_of_the_issue(caller: Caller) -> None:
    image, body = made(caller, photo_with_gps(1600, 1200), format="webp", maxDimension=1000, quality=80)
    assert (image["width"], image["height"]) == (1000, 750)
    assert not opened(body).getexif()


def test_metadata_is_kept_where_it_is_asked_for(caller: Caller) -> None:
    _, body = made(caller, photo_with_gps(), maxDimension=100, keepMetadata=True)
    exif = opened(body).getexif()
    assert exif[ExifTags.Base.Make] == "SECRETCAMERA"
    assert exif.get_ifd(ExifTags.IFD.GPSInfo)
    assert "icc_profile" in opened(body).info


def test_print_colours_come_out(caller: Caller) -> None:
    assert opened(made(caller, print_photo(), keepMetadata=True)[1]).mode == "CMYK"
    assert opened(made(caller, print_photo(), format="webp")[1]).mode == "RGB"


def test_alpha_becomes_white_in_jpeg(caller: Caller) -> None:
    _, body = made(caller, encoded(quadrants(alpha=0), "png"), format="jpeg")
    assert (pixels_of(body)[5, 60] > 250).all()


@pytest.mark.parametrize("kind", ["jpeg", "webp", "avif"])
def test_without_a_quality_the_smallest_file_that_looks_the_same_is_found(caller: Caller, kind: str) -> None:
    source = scene(320, 240, seed=3).gaussblur(1.5)  # as photographs are: no edge of two colours within a pixel
    job = begin(caller, caller.upload(encoded(source, "png"))["id"], {"format": kind}, {"format": kind, "quality": 100})
    work_all()
    (_, found), (_, finest) = variants_of(caller, job)
    assert len(found) < len(finest)
    gave = [np.asarray(Image.fromarray(pixels).convert("L")) for pixels in (pixels_of(found), source.numpy())]
    assert structural_similarity(*gave, gaussian_weights=True, sigma=1.5, use_sample_covariance=False) > 0.965


def test_without_a_quality_a_png_is_lossless(caller: Caller) -> None:
    source = scene(320, 240, seed=3)
    _, body = made(caller, encoded(source, "webp", lossless=True), format="png")
    assert np.array_equal(pixels_of(body), source.numpy())


@pytest.mark.parametrize("keep", [False, True])
def test_an_optimised_picture_completes_and_does_not_grow(caller: Caller, keep: bool) -> None:
    jpeg = encoded(scene(), "jpeg", Q=20, optimize_coding=True)
    out = io.BytesIO()
    Image.fromarray(scene().numpy()).save(out, "PNG", optimize=True)
    for body in (jpeg, out.getvalue()):
        image, copy = made(caller, body, keepMetadata=keep)
        assert len(copy) <= len(body)
        assert image["byteSize"] == len(copy)


# How it is made


def test_the_source_is_decoded_once_for_all_options(
    caller: Caller, outcomes: Callable[[dict[int, ImgoptError]], list[int]]
) -> None:
    calls = outcomes({})
    begin(caller, caller.upload()["id"], *[{"format": kind} for kind in ("jpeg", "png", "webp")])
    work_all()
    assert calls == [3]


def test_equal_copies_are_stored_once_and_are_two_images(caller: Caller) -> None:
    job = begin(caller, caller.upload()["id"], {"format": "png"}, {"format": "png"})
    work_all()
    first, second = (image for image, _ in variants_of(caller, job))
    assert first["id"] != second["id"]
    assert Blob.objects.count() == 2
    assert len(stored_files()) == 2


def test_no_temporary_file_is_left(caller: Caller) -> None:
    made(caller, encoded(scene(), "jpeg"), format="webp")
    assert files_under(django_settings.FILE_UPLOAD_TEMP_DIR) == []


# What may go wrong


def test_an_option_that_cannot_be_fails_the_job_and_the_others_stay(
    caller: Caller, outcomes: Callable[[dict[int, ImgoptError]], list[int]]
) -> None:
    outcomes({1: OutputTooLarge("It is too large.")})
    job = begin(caller, caller.upload()["id"], {"format": "png"}, {"format": "webp"}, {"format": "jpeg"})
    row = attempt(job)
    assert (row.state, row.attempts) == ("failed", 1)
    failed = job_of(caller, job)
    assert (failed["status"], failed["reason"]) == ("failed", "Option 2 of 3: It is too large.")
    ids = [task["variantID"] for task in failed["tasks"]]
    assert ids[1] is None
    assert ["receipt" in task for task in failed["tasks"]] == [True, False, True]
    assert [caller.get(f"/api/v1/image/{one}/metadata").json()["format"] for one in (ids[0], ids[2])] == ["png", "jpeg"]


def test_the_reason_of_a_single_option_is_the_sentence_alone(
    caller: Caller, outcomes: Callable[[dict[int, ImgoptError]], list[int]]
) -> None:
    outcomes({0: OutputTooLarge("It is too large.")})
    job = begin(caller, caller.upload()["id"])
    attempt(job)
    assert job_of(caller, job)["reason"] == "It is too large."


def test_what_may_go_better_is_tried_again_and_what_is_made_is_not_made_again(
    caller: Caller, outcomes: Callable[[dict[int, ImgoptError]], list[int]]
) -> None:
    errors: dict[int, ImgoptError] = {0: RenderFailed("Its process died.")}
    calls = outcomes(errors)
    job = begin(caller, caller.upload()["id"], {"format": "png"}, {"format": "webp"})
    row = attempt(job)
    assert (row.state, row.progress) == ("waiting", 0.5)
    again = job_of(caller, job)
    assert (again["status"], "lockedAt" in again, "reason" in again) == ("pending", False, False)
    kept, receipt = again["tasks"][1]["variantID"], again["tasks"][1]["receipt"]
    errors.clear()
    assert attempt(job, later=3600).state == "done"
    assert calls == [2, 1]
    done = job_of(caller, job)
    assert done["status"] == "completed"
    assert (done["tasks"][1]["variantID"], done["tasks"][1]["receipt"]) == (kept, receipt)
    assert done["tasks"][0]["receipt"]["state"] == "measured"
    assert [image["format"] for image, _ in variants_of(caller, job)] == ["png", "webp"]
    assert Master.objects.count() == 3


def test_an_image_that_takes_its_process_down_is_given_up_after_its_attempts(
    caller: Caller, outcomes: Callable[[dict[int, ImgoptError]], list[int]]
) -> None:
    calls = outcomes({0: RenderFailed("Its process died.")})
    job = begin(caller, caller.upload()["id"])
    for number in range(5):
        attempt(job, later=3600 * number)
    assert calls == [1] * 5
    assert (job_of(caller, job)["status"], job_of(caller, job)["reason"]) == ("failed", "Its process died.")


def test_a_pool_that_is_busy_fails_no_job(caller: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    def busy(*_: Any, **__: Any) -> None:
        raise Busy("Later.")

    job = begin(caller, caller.upload()["id"])
    with monkeypatch.context() as patch:
        patch.setattr(children.render_pool(), "render_many", busy)
        assert attempt(job).state == "waiting"
    assert attempt(job, later=3600).state == "done"


def test_bytes_that_are_damaged_in_the_storage_are_waited_for(caller: Caller) -> None:
    """Nothing is made of them; whoever uploads the same picture again heals them."""
    job = begin(caller, caller.upload()["id"])
    [file] = stored_files()
    file.chmod(0o600)
    file.write_bytes(b"x" * file.stat().st_size)
    assert attempt(job).state == "waiting"
    caller.upload()
    assert attempt(job, later=3600).state == "done"


def test_bytes_that_are_away_are_waited_for(caller: Caller) -> None:
    job = begin(caller, caller.upload()["id"])
    [file] = stored_files()
    away = file.rename(file.with_name("away"))
    assert attempt(job).state == "waiting"
    away.rename(file)
    assert attempt(job, later=3600).state == "done"


def test_a_storage_that_takes_nothing_leaves_no_half_of_a_copy(caller: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    job = begin(caller, caller.upload()["id"], {"format": "png"}, {"format": "webp"})
    with monkeypatch.context() as patch:
        patch.setattr("assets.disk.AtomicFileSystemStorage._save", full)
        row = attempt(job)
    assert (row.state, row.result, Master.objects.count()) == ("waiting", {}, 1)
    assert attempt(job, later=3600).state == "done"


def test_a_job_that_is_cancelled_while_it_is_rendered_leaves_nothing(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = begin(caller, caller.upload()["id"], {"format": "png"})
    before = stored_files()
    write = with_blobs

    def cancel_first(*args: Any, **rest: Any) -> Any:
        ledger.cancel(Job.objects.get(id=job["id"]))
        return write(*args, **rest)

    monkeypatch.setattr(masters, "with_blobs", cancel_first)
    assert attempt(job).state == "cancelled"
    assert (Master.objects.count(), stored_files()) == (1, before)
    assert job_of(caller, job)["tasks"][0]["variantID"] is None


def test_a_worker_that_lost_its_lease_changes_nothing(caller: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    """It slept while another took the job and finished it."""
    job = begin(caller, caller.upload()["id"], {"format": "png"})
    slow = ledger.claim(["renders"], worker="slow:1", lease_seconds=1)
    assert slow is not None
    ledger.release_lost(timezone.now() + timedelta(seconds=60))
    assert attempt(job, later=3600).state == "done"
    [(image, _)] = variants_of(caller, job)
    running.run(Claim(slow))
    assert variants_of(caller, job)[0][0] == image
    assert Master.objects.count() == 2


def test_a_job_whose_image_was_replaced_is_made_of_the_new_one(caller: Caller) -> None:
    image = caller.upload(encoded(scene(100, 50), "png"))
    job = begin(caller, image["id"])
    masters.replace_master(known_master(image["id"]), _incoming(encoded(scene(80, 60), "png")))
    work_all()
    assert variants_of(caller, job)[0][0]["width"] == 80


def _incoming(body: bytes) -> Any:
    from assets.uploads import upload_from_bytes

    return masters.inspect_upload(upload_from_bytes(body, "new.png"))


def test_a_bad_job_delays_no_other(caller: Caller, settings: Settings) -> None:
    """It waits for its next attempt, and the queue goes on."""
    bad, good = caller.upload(encoded(scene(seed=2), "jpeg")), caller.upload()
    jobs = [begin(caller, bad["id"])] + [begin(caller, good["id"]) for _ in range(5)]
    file = next(path for path in stored_files() if known_master(bad["id"]).blob.storage_name.endswith(path.name))
    file.rename(Path(django_settings.FILE_UPLOAD_TEMP_DIR) / "away")
    assert work_all() == 6
    assert [job_of(caller, job)["status"] for job in jobs] == ["pending"] + ["completed"] * 5


def test_results_are_bound_by_the_limits_of_results(caller: Caller, settings: Settings) -> None:
    settings.CONFIG = replace(settings.CONFIG, limit_output_side=100)
    image, _ = made(caller, encoded(scene(300, 200), "jpeg"))
    assert (image["width"], image["height"]) == (100, 67)


@pytest.mark.django_db(transaction=True)  # files go after the commit
def test_deleting_everything_leaves_nothing(caller: Caller) -> None:
    job = begin(caller, caller.upload()["id"], {"format": "png"}, {"format": "webp"})
    work_all()
    for master in Master.objects.all():
        caller.delete(str(master.id))
    assert is_nothing_left()
    assert job_of(caller, job)["status"] == "completed"
