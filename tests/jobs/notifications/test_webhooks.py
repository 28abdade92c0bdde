"""Webhooks as a receiver sees them, and what its answers do."""

from __future__ import annotations

import json
from datetime import timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from django.utils import timezone
from standardwebhooks import Webhook, WebhookVerificationError

from jobs import ledger
from jobs.claim import Claim
from jobs.models import Job, State
from jobs.notifications import delivering, endpoint_secrets
from jobs.notifications.delivering import ENDPOINT_ATTEMPTS, ENDPOINT_BACKOFF
from jobs.notifications.models import Endpoint, EndpointSecret, Event
from jobs.notifications.outbox import deliver_again
from jobs.notifications.signatures import text_of
from jobs.running import run
from tests.assets.origins.site import Site, raw, redirect, status
from tests.jobs.notifications.world import (
    HOOK,
    Clock,
    ended,
    endpoint,
    next_attempt,
    states,
    work,
    work_one,
)

pytestmark = pytest.mark.django_db
ONE_EVENT: dict[str, Any] = {"event_types": ["job.completed"]}


def received(site: Site, number: int = -1) -> tuple[bytes, dict[str, str]]:
    return site.bodies[number], site.asked[number][1]


def verifies(secret: str, body: bytes, headers: dict[str, str]) -> bool:
    try:
        Webhook(secret).verify(body, headers)
    except WebhookVerificationError:
        return False
    return True


def test_a_webhook_is_verified_by_the_standards_own_package(site: Site) -> None:
    _, secret = endpoint(site, **ONE_EVENT)
    job = ended({"master": "m"})
    [sent] = work()
    body, headers = received(site)
    event = Event.objects.get()
    assert Webhook(secret).verify(body, headers) == json.loads(body)
    assert json.loads(body) == {"type": "job.completed", "timestamp": event.data["timestamp"], "data": event.data}
    assert event.data["jobId"] == str(job.id)
    assert headers["webhook-id"] == f"msg_{event.id.hex}"
    assert headers["content-type"] == "application/json"
    assert sent.state == State.DONE
    assert "204 in " in sent.result["result"]


def test_one_changed_byte_another_id_or_an_old_time_do_not_verify(site: Site) -> None:
    _, secret = endpoint(site, **ONE_EVENT)
    ended()
    work()
    body, headers = received(site)
    assert not verifies(secret, body.replace(b"completed", b"failed"), headers)
    assert not verifies(secret, body, {**headers, "webhook-id": "msg_other"})
    assert not verifies(secret, body, {**headers, "webhook-timestamp": str(int(headers["webhook-timestamp"]) - 600)})


def test_names_in_any_script_arrive_as_they_are(site: Site) -> None:
    _, secret = endpoint(site, **ONE_EVENT)
    ended({"master": "Füße 🦶 \x7f </script>"})
    work()
    body, headers = received(site)
    assert Webhook(secret).verify(body, headers)["data"]["originalId"] == "Füße 🦶 \x7f </script>"


def test_while_a_secret_is_rotated_either_verifies_and_afterwards_the_new_one(site: Site, clock: Clock) -> None:
    made, old = endpoint(site, **ONE_EVENT)
    issued = endpoint_secrets.rotate(made, timedelta(hours=1))
    ended()
    work()
    body, headers = received(site)
    assert len(headers["webhook-signature"].split(" ")) == 2
    assert verifies(old, body, headers)
    assert verifies(issued.text, body, headers)
    assert issued.former_until == clock.now() + timedelta(hours=1)

    clock.move(minutes=61)
    assert [text_of(secret) for secret in endpoint_secrets.usable(made, clock.now())] == [issued.text]


def test_rotating_without_overlap_ends_the_old_secret_at_once(site: Site) -> None:
    made, old = endpoint(site, **ONE_EVENT)
    issued = endpoint_secrets.rotate(made, timedelta(0))
    ended()
    work()
    assert not verifies(old, *received(site))
    assert verifies(issued.text, *received(site))
    assert issued.former_until is None


def test_a_later_rotation_does_not_prolong_a_secret_that_ends_sooner(site: Site, clock: Clock) -> None:
    made, _ = endpoint(site)
    endpoint_secrets.rotate(made, timedelta(hours=1))
    endpoint_secrets.rotate(made, timedelta(days=7))
    ends = list(made.secrets.order_by("created_at", "id").values_list("expires_at", flat=True))
    assert ends == [clock.now() + timedelta(hours=1), clock.now() + timedelta(days=7), None]


def test_a_secret_lies_encrypted_in_the_database(site: Site) -> None:
    _, secret = endpoint(site)
    kept = repr(list(EndpointSecret.objects.values()) + list(Endpoint.objects.values()))
    assert secret.removeprefix("whsec_") not in kept
    assert secret.removeprefix("whsec_")[:16] not in kept


def test_without_djangos_secret_nothing_is_sent_unsigned(site: Site, settings: Any) -> None:
    endpoint(site, **ONE_EVENT)
    ended()
    settings.SECRET_KEY = "another secret, just as long as a secret should be"
    job = work_one()
    assert not site.asked
    assert job.state == State.WAITING
    assert job.error == "The endpoint has no secret that can be read: rotate it."


@pytest.mark.parametrize("code", [200, 201, 202, 204, 299])
def test_every_2xx_is_a_success(site: Site, code: int) -> None:
    endpoint(site, **ONE_EVENT)
    site.answers[HOOK] = status(code)
    ended()
    work()
    assert states() == [State.DONE]


@pytest.mark.parametrize("code", [400, 401, 404, 409, 429, 500, 502, 503, 504])
def test_everything_else_is_tried_again(site: Site, code: int, clock: Clock) -> None:
    endpoint(site, **ONE_EVENT)
    site.answers[HOOK] = status(code)
    ended()
    job = work_one()
    assert (job.state, job.error) == (State.WAITING, f"The endpoint answered {code}.")
    assert timedelta(seconds=2.5) <= job.run_at - clock.now() <= timedelta(seconds=7.5)

    site.answers[HOOK] = status(204)
    clock.move(seconds=8)
    work()
    assert states() == [State.DONE]


def test_the_same_webhook_has_the_same_id_and_body_at_every_attempt_and_a_new_time(site: Site, clock: Clock) -> None:
    _, secret = endpoint(site, **ONE_EVENT)
    site.answers[HOOK] = status(500)
    ended()
    work()
    clock.move(seconds=8)
    work()
    (first, before), (second, after) = received(site, 0), received(site, 1)
    assert first == second
    assert before["webhook-id"] == after["webhook-id"]
    assert int(after["webhook-timestamp"]) - int(before["webhook-timestamp"]) == 8
    assert verifies(secret, second, after)


def test_redirects_are_not_followed(site: Site) -> None:
    endpoint(site, **ONE_EVENT)
    site.answers[HOOK] = redirect("/elsewhere")
    site.answers["/elsewhere"] = status(204)
    ended()
    job = work_one()
    assert site.paths == [HOOK]
    assert (job.state, job.error) == (State.WAITING, "The endpoint answered 302; redirects are not followed.")


def test_410_disables_the_endpoint_at_once(site: Site) -> None:
    made, _ = endpoint(site)
    site.answers[HOOK] = status(410)
    ended()
    work()
    made.refresh_from_db()
    assert (made.is_enabled, made.disabled_reason) == (False, "The endpoint answered 410: it is gone.")
    assert states() == [State.FAILED, State.FAILED]
    assert site.paths == [HOOK], "the second event is not even tried"
    ended()
    assert Event.objects.count() == 2, "and later ones are not written"


@pytest.mark.parametrize("code", [429, 503])
def test_retry_after_is_respected_for_all_that_waits(site: Site, code: int, clock: Clock) -> None:
    endpoint(site)
    site.answers[HOOK] = status(code, **{"Retry-After": "120"})
    ended()
    work()
    assert len(site.asked) == 1, "the second event waits with the first"
    assert {job.run_at for job in Job.objects.filter(queue="notifications")} == {clock.now() + timedelta(seconds=120)}
    ended()
    clock.move(seconds=119)
    work()
    assert len(site.asked) == 1, "and so do those that come meanwhile"
    site.answers[HOOK] = status(204)
    clock.move(seconds=2)
    work()
    assert states() == [State.DONE] * 4


def test_retry_after_may_be_a_date(site: Site, clock: Clock) -> None:
    endpoint(site, **ONE_EVENT)
    later = clock.now() + timedelta(minutes=10)
    site.answers[HOOK] = status(503, **{"Retry-After": format_datetime(later.replace(microsecond=0), usegmt=True)})
    ended()
    assert abs((work_one().run_at - later).total_seconds()) < 3


@pytest.mark.parametrize("text", ["-5", "soon", "1e9", "٣", "9" * 400, "Mon, 99 Foo 2026 00:00:00 GMT"])
def test_a_retry_after_that_is_none_counts_for_nothing(site: Site, text: str, clock: Clock) -> None:
    endpoint(site, **ONE_EVENT)
    site.answers[HOOK] = raw(f"HTTP/1.1 503 X\r\nRetry-After: {text}\r\n\r\n".encode())
    ended()
    assert work_one().run_at <= clock.now() + timedelta(seconds=7.5)


def test_a_retry_after_is_a_day_at_most(site: Site, clock: Clock) -> None:
    endpoint(site, **ONE_EVENT)
    site.answers[HOOK] = status(429, **{"Retry-After": "99999999"})
    ended()
    assert work_one().run_at == clock.now() + timedelta(days=1)


def test_it_is_tried_for_about_a_day_and_is_then_a_dead_letter_that_can_be_sent_again(site: Site, clock: Clock) -> None:
    made, _ = endpoint(site, **ONE_EVENT)
    site.answers[HOOK] = status(500)
    ended()
    begin, attempts = clock.now(), 0
    while states() == [State.WAITING]:
        attempts += len(work())
        if states() == [State.WAITING]:
            clock.move(seconds=(next_attempt() - clock.now()).total_seconds())
    assert len(site.asked) == attempts == ENDPOINT_ATTEMPTS
    assert timedelta(hours=11) < clock.now() - begin < timedelta(hours=36)
    job = Job.objects.get(kind="webhook")
    assert (job.state, job.error) == (State.FAILED, "The endpoint answered 500.")

    site.answers[HOOK] = status(204)
    clock.move(days=2)
    assert deliver_again(made.deliveries.select_related("job")) == 1
    work()
    assert states() == [State.DONE]


def test_the_schedule_goes_from_seconds_to_hours_within_about_a_day() -> None:
    class Middle:
        def uniform(self, low: float, high: float) -> float:
            return (low + high) / 2

    pauses = [ENDPOINT_BACKOFF.seconds(n, rng=Middle()) for n in range(1, ENDPOINT_ATTEMPTS)]  # type: ignore[arg-type]
    assert pauses[:3] == [5, 10, 20]
    assert pauses[-1] == 6 * 3600
    assert 23 < sum(pauses) / 3600 < 24


def test_an_endpoint_that_has_taken_nothing_for_five_days_is_disabled_and_says_why(site: Site, clock: Clock) -> None:
    made, _ = endpoint(site, event_types=["job.failed", "job.completed"])
    site.answers[HOOK] = status(500)
    ended()
    work()
    since = clock.now()
    clock.move(days=5, minutes=1)
    ended()
    work()
    made.refresh_from_db()
    assert not made.is_enabled
    assert made.disabled_reason == f"It has taken nothing since {since:%Y-%m-%d %H:%M} UTC."

    delivering.enable(made)
    made.refresh_from_db()
    assert (made.is_enabled, made.disabled_reason, made.failing_since, made.failures) == (True, "", None, 0)


def test_one_success_in_between_keeps_it_enabled(site: Site, clock: Clock) -> None:
    made, _ = endpoint(site, **ONE_EVENT)
    site.answers[HOOK] = status(500)
    ended()
    work()
    clock.move(days=4)
    site.answers[HOOK] = status(204)
    work()
    clock.move(days=4)
    site.answers[HOOK] = status(500)
    ended()
    work()
    made.refresh_from_db()
    assert made.is_enabled
    assert made.failing_since == clock.now()


def test_what_waits_for_a_disabled_endpoint_fails_with_that_reason(site: Site) -> None:
    made, _ = endpoint(site, **ONE_EVENT)
    ended()
    delivering.disable(made, "by hand")
    assert work_one().error == "The endpoint is disabled."
    assert not site.asked


def test_what_waits_for_a_deleted_endpoint_fails_and_asks_nobody(site: Site) -> None:
    made, _ = endpoint(site, **ONE_EVENT)
    ended()
    made.delete()
    assert work_one().state == State.FAILED
    assert not site.asked


def test_a_delivery_that_a_broker_brings_twice_is_sent_once(site: Site) -> None:
    endpoint(site, **ONE_EVENT)
    ended()
    assert len(work()) == 1
    assert not work()
    assert len(site.asked) == 1


def test_the_last_result_is_kept_with_the_endpoint(site: Site, clock: Clock) -> None:
    made, _ = endpoint(site, **ONE_EVENT)
    ended()
    work()
    made.refresh_from_db()
    assert made.last_result.startswith("204 in ")
    assert made.last_result_at == clock.now()
    site.answers[HOOK] = status(500)
    ended()
    work()
    made.refresh_from_db()
    assert made.last_result == "The endpoint answered 500."


def test_an_address_is_never_logged_beyond_its_host(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    made, secret = endpoint(url=f"{site.url}/hook/T0KEN?key=T0KEN", **ONE_EVENT)
    for _ in range(3):
        ended()
    work()
    made.refresh_from_db()
    assert made.failures == 3
    assert "target rests" in caplog.text
    assert "T0KEN" not in caplog.text
    assert secret.removeprefix("whsec_") not in caplog.text


def test_jobs_in_the_queue_hold_ids_only(site: Site) -> None:
    made, _ = endpoint(site, **ONE_EVENT)
    ended()
    job = Job.objects.get(kind="webhook")
    assert job.payload == {"event": str(Event.objects.get().id), "target": str(made.id)}


def test_a_delivery_that_was_cancelled_meanwhile_stays_so(site: Site) -> None:
    endpoint(site, **ONE_EVENT)
    ended()
    job = ledger.claim(("notifications",), worker="test", lease_seconds=30, now=timezone.now())
    assert job is not None
    ledger.cancel(Job.objects.get(id=job.id))
    run(Claim(job))
    assert states() == [State.CANCELLED]
