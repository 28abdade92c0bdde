"""The job that makes a draft's final: written down before the answer, one a key, and nothing for what was purged."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError
from django.utils import timezone

from assets.models import Blob, Master
from delivery import comparing
from delivery.models import Variant
from delivery.recent import RECENT
from delivery.records import RECORDS
from delivery.refinements import REFINEMENTS
from delivery.service import service
from delivery.variants import VariantRequest, variant_request
from jobs import ledger, refining, running
from jobs.batches.service import PRIORITY as BATCH_PRIORITY
from jobs.claim import Claim
from jobs.models import Job
from jobs.notifications.models import Event
from jobs.refining import PRIORITY, REST, find_request, payload_of
from metrics.formats import SIZES
from metrics.models import VariantQuality
from pipeline.errors import RenderFailed
from pipeline.params import parse
from tests.delivery.drafting import finalised
from tests.delivery.figures import Figures
from tests.delivery.test_comparing import Together
from tests.delivery.world import Renderer, asked, master, saved
from tests.jobs.refining.world import PARAMS, claimed, refinements, stored, work

pytestmark = pytest.mark.django_db


def test_a_draft_is_answered_with_its_job_written_down(request_: VariantRequest, render: Renderer) -> None:
    service().fetch(request_)
    [job] = refinements()
    assert (job.state, job.queue, job.priority) == ("waiting", "renders", PRIORITY)
    assert job.idempotency_key == f"refine:{request_.key.digest}:{request_.key.name}:1"
    assert job.payload == {
        "master": str(request_.master.id),
        "params": "fm=avif&w=1200",
        "accepted": ["avif", "webp", "jpeg", "png", "gif"],
        "saveData": False,
        "key": request_.key.name,
    }


def test_the_job_is_written_down_before_anybody_is_answered(
    request_: VariantRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever joins the flight is answered when it lands; the job must be there by then."""
    there: list[int] = []
    flight = service()._flight
    real = flight._land

    def land(key: str) -> None:
        there.append(len(refinements()))
        real(key)

    monkeypatch.setattr(flight, "_land", land)
    service().fetch(request_)
    assert there == [1]


def test_finals_go_before_what_nobody_looks_at_and_after_what_somebody_waits_for() -> None:
    assert 0 > PRIORITY > BATCH_PRIORITY


def test_the_worker_puts_the_final_in_the_drafts_place(
    request_: VariantRequest, render: Renderer, listener: None
) -> None:
    figures = Figures()
    draft = service().fetch(request_).entry
    job = work()
    final = stored(request_)
    assert final is not None
    assert (job.state, job.result) == ("done", {"etag": final.etag.strip('"')})
    assert not final.receipt.provisional
    assert final.etag != draft.etag
    assert [(each.effort, each.predict) for each in render.renders] == [("quick", True), ("full", False)]
    row = Variant.objects.get(key=request_.key.name)
    assert row.etag == final.etag.strip('"')
    assert VariantQuality.objects.get(key=row.key).provisional is False, "what was decided is there with the file"
    [event] = Event.objects.all()
    assert (event.type, event.subject) == ("variant.final", str(request_.master.id))
    assert (event.data["variantKey"], event.data["etag"]) == (row.key, row.etag)
    assert figures.grown("imgopt_draft_to_final_seconds_count", format="avif") == 1


def test_where_nobody_listens_no_event_is_written(request_: VariantRequest) -> None:
    service().fetch(request_)
    assert work().state == "done"
    assert not Event.objects.exists()


def test_a_draft_that_is_recorded_late_does_not_overwrite_its_final(request_: VariantRequest) -> None:
    """The server writes down what it rendered every two seconds; a worker may be faster."""
    service().fetch(request_)
    waiting = list(RECORDS._waiting)
    RECORDS.clear()
    work()
    final = Variant.objects.get(key=request_.key.name).etag
    RECORDS.clear()
    RECORDS._waiting.extend(waiting)
    RECORDS.flush()
    assert Variant.objects.get(key=request_.key.name).etag == final


def test_many_drafts_of_one_variant_have_one_job(request_: VariantRequest) -> None:
    for _ in range(3):
        service().fetch(request_)
        REFINEMENTS.clear()  # as in another process
    assert len(refinements()) == 1


def test_two_processes_that_come_at_once_write_one_job(
    request_: VariantRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both look before either has written."""
    monkeypatch.setattr(ledger, "find_newest", lambda _start: None)
    for _ in range(2):
        assert refining.write_down(request_)
    assert len(refinements()) == 1


def test_a_final_that_a_client_waited_for_ends_the_job(
    request_: VariantRequest, render: Renderer, listener: None
) -> None:
    service().fetch(request_)
    final = service().fetch(request_, refine="wait").entry
    assert work().state == "done"
    assert stored(request_) == final
    assert len(render.renders) == 2
    assert Event.objects.count() == 1, "the draft has its final, whoever made it"


def test_a_worker_that_dies_after_storing_leaves_the_rest_to_the_next(
    request_: VariantRequest, render: Renderer, listener: None
) -> None:
    """Its transaction is rolled back then, and the file is there."""
    service().fetch(request_)
    claimed("lost:1")
    final = finalised(service(), request_).entry
    later = timezone.now() + timedelta(hours=1)
    assert ledger.release_lost(later) == 1
    job = ledger.claim(["renders"], worker="next:1", lease_seconds=30, now=later + timedelta(hours=1))
    assert job is not None
    running.run(Claim(job))
    assert Job.objects.get(id=job.id).state == "done"
    assert stored(request_) == final
    assert len(render.renders) == 2
    assert Event.objects.count() == 1


@pytest.mark.parametrize("change", ["replaced", "deleted", "focal point"])
def test_a_master_that_is_another_one_by_now_ends_the_job_without_doing_anything(
    shoe: Master, render: Renderer, change: str
) -> None:
    request = asked(shoe, "w=1200&h=600&fit=crop&fm=avif")
    service().fetch(request)
    service().purge(shoe.blob.digest)
    if change == "replaced":
        Master.objects.filter(id=shoe.id).update(blob=_other_blob(), revision=2)
    elif change == "deleted":
        Master.objects.filter(id=shoe.id).delete()
    else:
        Master.objects.filter(id=shoe.id).update(focal_x=0.1, focal_y=0.2, revision=2)
    job = work()
    assert (job.state, job.result) == ("done", {"outdated": True})
    assert len(render.renders) == 1
    assert stored(request) is None


def _other_blob() -> Blob:
    blob = master("boot").blob
    blob.save()
    return blob


def test_a_master_that_changes_while_its_final_is_made_leaves_nothing_behind(
    request_: VariantRequest, render: Renderer, listener: None
) -> None:
    service().fetch(request_)
    service().purge(request_.key.digest)
    render.before = lambda: Master.objects.filter(id=request_.master.id).update(revision=2)
    job = work()
    assert (job.state, job.result) == ("done", {"outdated": True})
    assert stored(request_) is None
    assert not Event.objects.exists()


def test_a_job_that_was_outdated_does_not_keep_a_draft_of_the_same_key_from_its_final(
    shoe: Master, render: Renderer
) -> None:
    """`fm=avif` and a negotiated URL may share a key; which format is smallest is nothing to the first of them."""
    said = asked(shoe, PARAMS)
    negotiated = asked(shoe, "w=1200", accept="image/avif,image/webp")
    assert negotiated.rivals
    assert negotiated.key == said.key, "or this tests nothing"
    service().fetch(negotiated)
    assert negotiated.subject is not None
    SIZES.learn(negotiated.subject, {"avif": 900, "webp": 700, "jpeg": 1200}, width=320)
    assert work().result == {"outdated": True}
    REFINEMENTS.clear()
    assert service().fetch(said).entry.receipt.provisional
    assert work().state == "done"
    final = stored(said)
    assert final is not None
    assert not final.receipt.provisional


def test_one_that_failed_for_good_is_tried_again_in_time_and_no_sooner(
    request_: VariantRequest, render: Renderer
) -> None:
    service().fetch(request_)
    render.error = RenderFailed("Its render process died.")
    for _ in range(3):
        Job.objects.filter(state="waiting").update(run_at=timezone.now())
        work()
    [job] = refinements()
    assert job.state == "failed"
    for _ in range(3):
        REFINEMENTS.clear()
        service().fetch(request_)
    assert len(refinements()) == 1
    Job.objects.update(finished_at=timezone.now() - REST - timedelta(seconds=1))
    REFINEMENTS.clear()
    service().fetch(request_)
    assert [job.state for job in refinements()] == ["failed", "waiting"]
    render.error = None
    assert work().state == "done"


def test_while_the_ledger_is_away_drafts_are_answered_and_the_next_request_tries_again(
    request_: VariantRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_args: Any, **_options: Any) -> None:
        raise OperationalError("the database is away")

    with monkeypatch.context() as patch:
        patch.setattr(ledger, "enqueue", away)
        assert service().fetch(request_).entry.receipt.provisional
        assert refinements() == []
    assert service().fetch(request_).entry.receipt.provisional
    assert len(refinements()) == 1


def test_a_worker_that_lost_its_claim_stores_nothing(request_: VariantRequest, render: Renderer) -> None:
    draft = service().fetch(request_).entry
    claim = claimed()
    render.before = lambda: ledger.cancel(claim.job) and None
    running.run(claim)
    assert stored(request_) == draft


def test_a_newer_release_does_not_make_an_older_ones_final(
    request_: VariantRequest, render: Renderer, monkeypatch: pytest.MonkeyPatch
) -> None:
    service().fetch(request_)
    monkeypatch.setattr("delivery.variants.fingerprint", lambda: "the next release")
    assert work().result == {"outdated": True}
    assert len(render.renders) == 1


# What is written down is the same request again.


@pytest.mark.parametrize(
    ("params", "accepted", "save_data"),
    [
        ("w=500", ("avif", "webp", "jpeg"), False),
        ("w=500", ("jpeg", "png"), False),
        ("w=500", ("avif",), True),
        ("w=300&dpr=2", ("webp", "jpeg"), False),
        ("w=501&snap=0&q=auto:best", ("webp",), False),
        ("w=500&h=300&fit=crop", ("avif",), False),
        ("w=500&h=300&fit=crop&fp-x=0.25&fp-y=0.5", ("avif",), False),
        ("w=500&txt=Salt %26 pepper+ü,/:@&txt-size=20", ("webp",), False),
        ("w=500&bg=80ff0000&pad=20&mask=corners&corner-radius=4,8,0,16", ("avif", "png"), False),
        ("w=500&min-worst-tile=0.95&max-delta-e=3&max-bytes=20000", ("avif",), False),
        ("rect=10,20,300,200&rot=90&flip=h&trim=10&blur=20&duotone=ff0000,00ff00", ("jpeg",), False),
    ],
)
def test_the_request_is_made_anew_from_what_was_written_down(
    shoe: Master, params: str, accepted: tuple[Any, ...], save_data: bool
) -> None:
    Master.objects.filter(id=shoe.id).update(focal_x=0.3, focal_y=0.7)
    shoe.refresh_from_db()
    pairs = [tuple(pair.split("=", 1)) for pair in params.split("&")]
    request = variant_request(
        shoe, parse([(name, value.replace("%26", "&")) for name, value in pairs]), accepted, save_data=save_data
    )
    again = find_request(payload_of(request))
    assert again is not None
    assert (again.key, again.render, again.unresolved) == (request.key, request.render, request.unresolved)


def test_a_watermark_is_found_again(shoe: Master) -> None:
    saved(master("mark", key="brand/logo"))
    request = variant_request(shoe, parse([("w", "800"), ("mark", "brand/logo")]), ("avif",))
    again = find_request(payload_of(request))
    assert again is not None
    assert again.key == request.key
    Master.objects.filter(key="brand/logo").delete()
    RECENT.forget()
    assert find_request(payload_of(request)) is None


def test_where_the_smallest_format_is_not_known_yet_all_rivals_are_made(
    shoe: Master, render: Renderer, monkeypatch: pytest.MonkeyPatch
) -> None:
    together = Together(avif=900, webp=700, jpeg=1200)
    monkeypatch.setattr(comparing, "render_together", together)
    draft = service().fetch(asked(shoe, "w=1200"))
    assert draft.entry.format == "avif"
    assert work().state == "done"
    assert together.calls == [["avif", "webp", "jpeg"]]
    assert len(render.renders) == 1
    final = service().fetch(asked(shoe, "w=1200"))
    assert (final.entry.format, final.entry.receipt.provisional) == ("webp", False)
    other_width = service().fetch(asked(shoe, "w=1600"))
    assert (other_width.entry.format, other_width.entry.receipt.provisional) == ("webp", True)
