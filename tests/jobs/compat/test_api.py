"""The whole table of the job API over HTTP: requests, answers, texts, statuses."""

from __future__ import annotations

import json
import uuid
from dataclasses import replace
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from pytest_django import Settings

from assets.masters import delete_master, known_master
from assets.models import Master
from jobs import ledger
from jobs.models import Job
from tests.assets.caller import Caller, Part, photo, problem
from tests.images import encoded, opened, quadrants, scene
from tests.jobs.compat.conftest import JOB, NOBODY, begin, job_of, post, variants_of, work_all
from tests.jobs.conftest import MakeKind

pytestmark = pytest.mark.django_db

HEALTH = "/api/v1/health"


# Health


def test_the_service_is_healthy_and_asks_for_no_key() -> None:
    answer = Client().get(HEALTH)
    assert (answer.status_code, answer["Content-Type"]) == (200, "application/json")
    assert answer.json() == {"message": "Service is healthy"}
    assert answer["Cache-Control"] == "no-store"
    assert Client().get(HEALTH, headers={"Authorization": "Bearer nonsense"}).status_code == 200
    assert Client().head(HEALTH).status_code == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"])
def test_health_is_only_read(method: str) -> None:
    answer = Client().generic(method, HEALTH)
    assert problem(answer)[:2] == (405, "method_not_allowed")
    assert answer["Allow"] == "GET, HEAD"


# A job is asked for


def test_a_job_is_told_as_it_is_written_down(caller: Caller) -> None:
    image = caller.upload()
    options = [
        {"format": "webp", "maxDimension": 1000, "quality": 80, "keepMetadata": False},
        {"extra": {"a": [1]}},
        {},
    ]
    answer = post(caller, {"originalID": image["id"], "options": options})
    assert (answer.status_code, answer["Content-Type"]) == (201, "application/json")
    job = answer.json()
    assert set(job) == {"id", "status", "originalID", "tasks", "createdAt"}
    assert (job["status"], job["originalID"]) == ("pending", image["id"])
    assert [task["options"] for task in job["tasks"]] == options
    assert [task["variantID"] for task in job["tasks"]] == [None] * 3
    assert len({uuid.UUID(task["id"]) for task in job["tasks"]} | {uuid.UUID(job["id"])}) == 4
    moment = parse_datetime(job["createdAt"])
    assert moment is not None
    assert abs((timezone.now() - moment).total_seconds()) < 60
    assert answer["Location"] == f"{JOB}/{job['id']}"
    assert job_of(caller, job) == job


@pytest.mark.parametrize(
    "content_type", ["", "text/plain", "application/xml", "multipart/form-data; boundary=x", "odd"]
)
def test_the_body_is_json_whatever_it_says_that_it_is(caller: Caller, content_type: str) -> None:
    image = caller.upload()
    assert post(caller, {"originalID": image["id"], "options": [{}]}, content_type=content_type).status_code == 201
    assert problem(post(caller, b"a=b", content_type=content_type))[:2] == (400, "bad_request")


def test_keys_come_in_any_case(caller: Caller) -> None:
    image = caller.upload()
    answer = post(caller, {"ORIGINALID": image["id"], "Options": [{"Format": "png", "unknown": 1}], "unknown": {}})
    assert answer.status_code == 201
    assert answer.json()["tasks"][0]["options"] == {"format": "png"}


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b"", "request body is empty"),
        (b"{", "Expected JSON, received something else in line 1"),
        (b'{"originalID":"x","options":[{}]}x', "Expected JSON, received something else in line 1: Extra data"),
        (b"[]", "Expected a JSON object"),
        (b'{"originalID":1,"options":[{}]}', "for originalID, received a number"),
        (b'{"originalID":"x","options":[]}', "Expected 1 to 50 options, received none"),
        (b'{"originalID":"x"}', "Expected 1 to 50 options, received none"),
        (b'{"originalID":"x","options":[{"quality":0}]}', "from 1 to 100 for quality"),
        (b'{"originalID":"x","options":[{"quality":101}]}', "from 1 to 100 for quality"),
        (b'{"originalID":"x","options":[{"quality":"80"}]}', "for quality, received '80'"),
        (b'{"originalID":"x","options":[{"format":"bmp"}]}', "for format, received 'bmp'"),
        (b'{"originalID":"x","options":[{"maxDimension":-1}]}', "for maxDimension, received '-1'"),
        (b'{"originalID":"x","options":[{"keepMetadata":"yes"}]}', "for keepMetadata, received 'yes'"),
    ],
)
def test_a_body_that_cannot_be_is_a_400_with_a_sentence(caller: Caller, body: bytes, sentence: str) -> None:
    status, _, told = problem(post(caller, body))
    assert status == 400
    assert sentence in told
    assert not Job.objects.exists()


def test_what_is_wrong_with_the_body_is_told_before_the_image_is_looked_for(caller: Caller) -> None:
    assert problem(post(caller, {"originalID": NOBODY, "options": [{"quality": 0}]}))[0] == 400


@pytest.mark.parametrize("original_id", [NOBODY, "nothing/here", "no id at all", "../..", "\0", "x" * 5000, "@a/b"])
def test_an_image_that_is_not_there_is_not_found(caller: Caller, original_id: str) -> None:
    answer = post(caller, {"originalID": original_id, "options": [{}]})
    assert problem(answer) == (404, "not_found", "Image not found")
    assert not Job.objects.exists()


def test_a_job_has_a_bounded_number_of_options(caller: Caller, settings: Settings) -> None:
    image = caller.upload()
    assert len(begin(caller, image["id"], *[{}] * 50)["tasks"]) == 50
    settings.CONFIG = replace(settings.CONFIG, jobs_max_options=2)
    answer = post(caller, {"originalID": image["id"], "options": [{}] * 3})
    assert problem(answer) == (400, "bad_parameter", "Expected 1 to 2 options, received 3.")


def test_a_body_without_end_is_turned_away(caller: Caller) -> None:
    assert problem(post(caller, b" " * 3_000_000))[:2] == (413, "upload_too_large")


def test_a_master_may_be_named_by_its_key(caller: Caller) -> None:
    image = caller.upload(key="shoes/red")
    assert begin(caller, "shoes/red")["originalID"] == image["id"]


# A job is looked at


def test_a_job_goes_from_pending_over_processing_to_completed(caller: Caller) -> None:
    image = caller.upload(encoded(scene(400, 300), "jpeg"), "Red shoe (1).jpg")
    job = begin(caller, image["id"], {"format": "webp", "maxDimension": 200}, {"format": "png", "maxDimension": 100})
    assert job_of(caller, job)["status"] == "pending"

    row = Job.objects.get(id=job["id"])
    claimed = ledger.claim_one(row.id, worker="test:1", lease_seconds=30)
    assert claimed is not None
    busy = job_of(caller, job)
    assert (busy["status"], "reason" in busy) == ("processing", False)
    locked_at = parse_datetime(busy["lockedAt"])
    assert locked_at is not None
    assert abs((timezone.now() - locked_at).total_seconds()) < 60
    ledger.hand_back(claimed, claimed.token)
    assert "lockedAt" not in job_of(caller, job)

    assert work_all() == 1
    done = job_of(caller, job)
    assert (done["status"], "reason" in done) == ("completed", False)
    assert [task["options"] for task in done["tasks"]] == [task["options"] for task in job["tasks"]]
    (webp, webp_bytes), (png, png_bytes) = variants_of(caller, done)
    assert webp == {
        "id": done["tasks"][0]["variantID"],
        "originalName": "Red_shoe_1",
        "format": "webp",
        "width": 200,
        "height": 150,
        "byteSize": len(webp_bytes),
    }
    assert (png["format"], png["width"], png["height"], png["originalName"]) == ("png", 100, 75, "Red_shoe_1")
    assert (opened(webp_bytes).format, opened(webp_bytes).size) == ("WEBP", (200, 150))
    assert (opened(png_bytes).format, opened(png_bytes).size) == ("PNG", (100, 75))


def test_each_copy_has_its_receipt_once_it_is_made(caller: Caller) -> None:
    image = caller.upload(encoded(scene(300, 200), "png"))
    job = begin(caller, image["id"], {"format": "webp", "quality": 40}, {"format": "jpeg"}, {"format": "png"})
    assert all("receipt" not in task for task in job["tasks"])
    work_all()
    webp, jpeg, png = (task["receipt"] for task in job_of(caller, job)["tasks"])
    assert (webp["state"], webp["quality"], webp["target"], webp["tries"]) == ("measured", 40, None, 0)
    assert (jpeg["state"], jpeg["target"]["ssim"], jpeg["targetMet"]) == ("measured", 0.97, True)
    assert jpeg["scores"]["ssim"] >= 0.97 > webp["scores"]["ssim"]
    assert jpeg["tries"] > 1
    assert (png["scores"]["identical"], png["scores"]["psnr"], png["quality"]) == (True, None, None)


def test_a_variant_is_an_image_like_any_other(caller: Caller) -> None:
    image = caller.upload(encoded(scene(300, 200), "jpeg"))
    job = begin(caller, image["id"], {"format": "png", "maxDimension": 150})
    work_all()
    [(variant, _)] = variants_of(caller, job)
    again = begin(caller, variant["id"], {"format": "jpeg", "maxDimension": 50})
    work_all()
    [(small, body)] = variants_of(caller, again)
    assert (small["width"], small["height"], opened(body).format) == (50, 33, "JPEG")
    full = caller.get(f"/api/v1/image/{variant['id']}").json()
    assert full["blurhash"]
    assert full["placeholder"].startswith("data:image/webp")


def test_the_name_of_an_image_is_kept_as_it_was_changed_by_hand(caller: Caller) -> None:
    image = caller.upload()
    caller.patch(image["id"], {"originalName": "Rote Schuhe.2, größer"})
    job = begin(caller, image["id"], {"format": "png"})
    work_all()
    assert variants_of(caller, job)[0][0]["originalName"] == "Rote Schuhe.2, größer"


@pytest.mark.parametrize("job_id", [NOBODY, "nonsense", "0", f"{{{NOBODY}}}", f"urn:uuid:{NOBODY}", "x" * 500, "%00"])
def test_a_job_that_is_not_there_is_not_found(caller: Caller, job_id: str) -> None:
    assert problem(caller.get(f"{JOB}/{job_id}")) == (404, "not_found", "Job not found")


def test_other_work_of_the_ledger_is_not_told_here(caller: Caller, make_kind: MakeKind) -> None:
    errand = ledger.enqueue(make_kind(), {})
    assert problem(caller.get(f"{JOB}/{errand.id}")) == (404, "not_found", "Job not found")


def test_an_image_that_is_deleted_meanwhile_fails_the_job(caller: Caller) -> None:
    image = caller.upload()
    job = begin(caller, image["id"])
    delete_master(known_master(image["id"]))
    work_all()
    failed = job_of(caller, job)
    assert (failed["status"], failed["reason"]) == ("failed", "Image not found")
    assert failed["tasks"][0]["variantID"] is None


def test_a_cancelled_job_has_failed(caller: Caller) -> None:
    job = begin(caller, caller.upload()["id"])
    ledger.cancel(Job.objects.get(id=job["id"]))
    assert (job_of(caller, job)["status"], job_of(caller, job)["reason"]) == ("failed", "It was cancelled.")


# Who may


@pytest.mark.parametrize(("method", "path", "scope"), [("POST", JOB, "upload"), ("GET", f"{JOB}/{NOBODY}", "read")])
def test_a_key_needs_the_right_scope(db: None, method: str, path: str, scope: str) -> None:
    stranger = Caller()
    assert problem(stranger.ask(method, path))[:2] == (401, "missing_key")
    assert problem(Caller({"X-API-Key": "nonsense"}).ask(method, path))[:2] == (401, "invalid_key")
    others = Caller.with_scopes(*({"upload", "read", "manage", "sign"} - {scope}))
    status, code, sentence = problem(others.ask(method, path))
    assert (status, code) == (403, "missing_scope")
    assert f"'{scope}'" in sentence
    assert problem(Caller.with_scopes(scope).ask(method, path))[0] in (400, 404)


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
def test_jobs_are_asked_for_by_post_only(caller: Caller, method: str) -> None:
    answer = caller.ask(method, JOB)
    assert problem(answer)[:2] == (405, "method_not_allowed")
    assert "POST" in answer["Allow"]


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_a_job_is_only_looked_at(caller: Caller, method: str) -> None:
    job = begin(caller, caller.upload()["id"])
    answer = caller.ask(method, f"{JOB}/{job['id']}")
    assert problem(answer)[:2] == (405, "method_not_allowed")
    assert "GET" in answer["Allow"]


# The rest of the table, in its own words


@pytest.mark.parametrize(
    ("body", "content_type", "sentence"),
    [
        (b"", "", "invalid multipart form"),
        (b"{}", "application/json", "invalid multipart form"),
        (b"nonsense", "multipart/form-data; boundary=x", "invalid multipart form"),
        (b"--x--\r\n", "multipart/form-data; boundary=x", "no images provided"),
    ],
)
def test_uploads_that_are_none_are_told_in_the_promised_words(
    caller: Caller, body: bytes, content_type: str, sentence: str
) -> None:
    answer = caller.ask("POST", "/api/v1/images", body, content_type)
    assert problem(answer)[0::2] == (400, sentence)


@pytest.mark.parametrize("body", [b"hello", b"%PDF-1.7\n", b"<html></html>", b"\x00" * 200])
def test_only_image_files_are_allowed_and_all_are_stored_or_none(caller: Caller, body: bytes) -> None:
    answer = caller.post_form(Part(photo()), Part(body, "photo.jpg"))
    assert problem(answer)[0::2] == (400, "only image files allowed")
    assert not Master.objects.exists()


@pytest.mark.parametrize("body", [b"<svg xmlns='http://www.w3.org/2000/svg'/>", photo()[:300], b"8BPS\x00\x01"])
def test_no_picture_that_is_refused_is_a_415_or_a_422(caller: Caller, body: bytes) -> None:
    assert problem(caller.post_form(Part(body)))[0] == 400


@pytest.mark.parametrize("path", [f"/image/{NOBODY}", f"/api/v1/image/{NOBODY}/metadata", "/image/no-such"])
def test_an_image_that_is_unknown_is_told_in_the_promised_words(caller: Caller, path: str) -> None:
    assert problem(caller.get(path)) == (404, "not_found", "Image not found")


def test_metadata_is_the_object_of_the_upload(caller: Caller) -> None:
    image = caller.upload(encoded(quadrants(), "gif"), "a b.gif")
    assert set(image) == {"id", "originalName", "format", "width", "height", "byteSize"}
    assert caller.get(f"/api/v1/image/{image['id']}/metadata").json() == image


def test_the_stored_bytes_come_byte_for_byte(caller: Caller) -> None:
    image = caller.upload()
    answer = caller.get(f"/image/{image['id']}")
    assert (answer.body, answer["Content-Type"], answer["Content-Length"]) == (
        photo(), "image/jpeg", str(len(photo())),
    )  # fmt: skip
    assert answer["Content-Disposition"] == 'inline; filename="photo.jpg"'
    assert answer["ETag"]
    part = caller.get(f"/image/{image['id']}", Range="bytes=2-5")
    assert (part.status_code, part.body) == (206, photo()[2:6])


def test_errors_have_one_shape_on_every_path(caller: Caller) -> None:
    """`problem` looks at code, message, error and the type of each."""
    answers: list[Any] = [
        post(caller, b""),
        caller.get(f"{JOB}/{NOBODY}"),
        caller.get(f"/image/{NOBODY}"),
        caller.get("/api/v1/nothing"),
        caller.ask("POST", "/api/v1/images"),
        Client().post(HEALTH),
    ]
    for answer in answers:
        problem(answer)
        assert json.loads(answer.content)["message"]
