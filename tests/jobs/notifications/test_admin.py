"""Endpoints, Kafka and the outbox in the admin: made, tested with a button, rotated, told again; secrets shown once."""

from __future__ import annotations

import json
import logging
import re
from html import unescape
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.contrib.sessions.models import Session
from django.test import Client
from django.urls import reverse
from standardwebhooks import Webhook

from assets.models import new_id
from jobs import ledger
from jobs.models import Job, State
from jobs.notifications import delivering, endpoint_secrets, outbox
from jobs.notifications.models import Delivery, Endpoint, EndpointSecret, Event, KafkaTopic
from tests.assets.origins.site import Site, status
from tests.jobs.notifications.cluster import Cluster
from tests.jobs.notifications.world import HOOK, begun, configure, ended, endpoint, states, work

pytestmark = pytest.mark.django_db

LIST = "/admin/notifications/endpoint/"
ADD = f"{LIST}add/"
EVENTS = "/admin/notifications/event/"
KAFKA = "/admin/notifications/kafkatopic/"
SECRET = re.compile(r"whsec_[A-Za-z0-9+/=]{44}")
HOSTILE = "<script>alert(1)</script>"
PUBLIC = "https://shop.example/hook"


def staff(*permissions: str) -> Client:
    user = get_user_model().objects.create_user("staff", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client = Client()
    client.force_login(user)
    return client


def form(**changes: Any) -> dict[str, Any]:
    return {
        "ticket": str(new_id()),
        "url": PUBLIC,
        "description": "Shop",
        "event_types": ["job.completed"],
        "is_enabled": "on",
        **changes,
    }


def page(made: Endpoint, verb: str) -> str:
    return reverse(f"admin:notifications_endpoint_{verb}", args=[made.pk])


def text(answer: Any) -> str:
    return unescape(answer.content.decode())


def said(answer: Any) -> list[str]:
    return [str(message) for message in answer.context["messages"]]


def secret_in(answer: Any) -> str:
    found = SECRET.search(text(answer))
    assert found is not None
    return found.group()


def assert_kept_nowhere(secret: str, client: Client, caplog: pytest.LogCaptureFixture) -> None:
    kept = [
        repr(list(Endpoint.objects.values()) + list(EndpointSecret.objects.values())),
        repr([(entry.object_repr, entry.change_message) for entry in LogEntry.objects.all()]),
        repr([session.get_decoded() for session in Session.objects.all()]),
        repr(client.cookies),
        caplog.text,
        repr([vars(record) for record in caplog.records]),
    ]
    assert not [each for each in kept if secret.removeprefix("whsec_") in each]


# Endpoints


def test_an_endpoint_is_made_and_its_secret_shown_once(admin: Client, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    answer = admin.post(ADD, form())
    secret = secret_in(answer)
    made = Endpoint.objects.get()
    assert answer.status_code == 200
    assert "no-store" in answer["Cache-Control"]
    assert (made.url, made.description, made.event_types, made.is_enabled) == (PUBLIC, "Shop", ["job.completed"], True)
    for later in (LIST, page(made, "change"), page(made, "history"), page(made, "rotate"), "/admin/", EVENTS):
        assert "whsec_" not in text(admin.get(later))
    assert_kept_nowhere(secret, admin, caplog)


def test_a_form_sent_again_makes_no_second_endpoint(admin: Client) -> None:
    filled = form()
    admin.post(ADD, filled)
    assert "This form has made its endpoint already" in text(admin.post(ADD, filled))
    assert Endpoint.objects.count() == EndpointSecret.objects.count() == 1


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("ftp://shop.example/", "Expected a plain http:// or https:// address"),
        ("https://user:password@shop.example/", "Expected a plain http:// or https:// address"),
        ("https://127.1/", "Expected a plain http:// or https:// address"),
        ("https://169.254.169.254/latest", "169.254.169.254 is not public"),
        ("https://[::1]/", "::1 is not public"),
        ("http://shop.example/", "Expected an https:// address"),
        (f"https://shop.example/{HOSTILE}", "Expected a plain http:// or https:// address"),
        ("", "required"),
    ],
)
def test_addresses_that_cannot_be_are_refused_in_the_form(admin: Client, url: str, sentence: str) -> None:
    answer = admin.post(ADD, form(url=url))
    assert sentence in text(answer)
    assert HOSTILE not in answer.content.decode()
    assert not Endpoint.objects.exists()


def test_an_address_in_a_named_network_is_taken(admin: Client) -> None:
    configure(webhooks_private_networks=("10.1.0.0/16",))
    admin.post(ADD, form(url="http://10.1.2.3:8080/hook"))
    assert Endpoint.objects.get().url == "http://10.1.2.3:8080/hook"


def test_an_event_that_is_none_is_refused(admin: Client) -> None:
    admin.post(ADD, form(event_types=["job.exploded"]))
    assert not Endpoint.objects.exists()


def test_rotating_shows_the_new_secret_once_and_keeps_the_old_for_the_overlap(
    admin: Client, site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    made, old = endpoint(site, event_types=["job.completed"])
    filled = {"overlap": "3600", "newest": str(endpoint_secrets.newest_id(made))}
    answer = admin.post(page(made, "rotate"), filled)
    new = secret_in(answer)
    assert "Until " in text(answer)
    ended()
    work()
    for secret in (old, new):
        Webhook(secret).verify(site.bodies[-1], site.asked[-1][1])
    assert_kept_nowhere(new, admin, caplog)
    assert "used until" in text(admin.get(page(made, "change")))

    again = admin.post(page(made, "rotate"), filled)
    assert "The secret was rotated meanwhile" in text(again)
    assert made.secrets.count() == 2


def test_the_button_sends_a_test_event_at_once_and_says_what_came_of_it(admin: Client, site: Site) -> None:
    made, secret = endpoint(site)
    assert "Send test event" in text(admin.get(page(made, "change")))
    [sentence] = said(admin.post(page(made, "test"), follow=True))
    assert re.fullmatch(r"Delivered: the endpoint answered 204 in \d+ ms\.", sentence)
    body = Webhook(secret).verify(site.bodies[0], site.asked[0][1])
    assert body["type"] == "endpoint.test"
    assert not Event.objects.exists()

    site.answers[HOOK] = status(500)
    assert said(admin.post(page(made, "test"), follow=True)) == ["Not delivered. The endpoint answered 500."]
    made.refresh_from_db()
    assert (made.last_result[:3], made.failures) == ("204", 0), "a test that fails is nothing against an endpoint"


def test_a_test_reaches_no_private_network_either(admin: Client, site: Site) -> None:
    configure(webhooks_private_networks=())
    made, _ = endpoint(site)
    [sentence] = said(admin.post(page(made, "test"), follow=True))
    assert sentence == "Not delivered. The endpoint's host 127.0.0.1 does not have a public address."
    assert not site.asked


def test_a_test_that_arrives_ends_a_rest(admin: Client, site: Site) -> None:
    made, _ = endpoint(site, event_types=["job.completed"])
    site.answers[HOOK] = status(500)
    for _ in range(5):
        ended()
    work()
    assert "has failed 3 times in a row" in text(admin.get(LIST))
    site.answers[HOOK] = status(204)
    admin.post(page(made, "test"))
    work()
    assert states().count(State.DONE) >= 2, "the three that were tried have a time of their own"


def test_an_endpoint_that_was_disabled_says_why_and_can_be_enabled(admin: Client, site: Site) -> None:
    made, _ = endpoint(site, event_types=["job.completed"])
    site.answers[HOOK] = status(410)
    ended()
    work()
    assert "disabled: The endpoint answered 410: it is gone." in text(admin.get(LIST))
    admin.post(LIST, {"action": "enable_selected", "_selected_action": [str(made.pk)]})
    made.refresh_from_db()
    assert (made.is_enabled, made.disabled_reason) == (True, "")

    site.answers[HOOK] = status(204)
    again = admin.post(LIST, {"action": "deliver_again", "_selected_action": [str(made.pk)]}, follow=True)
    assert said(again)[-1] == "Deliveries begun again: 1."
    work()
    assert states() == [State.DONE]


def test_it_can_be_changed_and_disabled_by_hand(admin: Client) -> None:
    made, _ = endpoint(url=PUBLIC)
    changed = {**form(url="https://other.example/", event_types=["job.failed"]), "is_enabled": ""}
    del changed["is_enabled"]
    admin.post(page(made, "change"), changed)
    made.refresh_from_db()
    assert (made.url, made.event_types, made.is_enabled) == ("https://other.example/", ["job.failed"], False)
    assert "disabled: by hand" in text(admin.get(LIST))


def test_saving_the_form_does_not_undo_what_a_worker_wrote_meanwhile(admin: Client, site: Site) -> None:
    made, _ = endpoint(site, event_types=["job.completed"])
    delivering.disable(made, "The endpoint answered 410: it is gone.")
    made.refresh_from_db()
    Endpoint.objects.update(failures=7)
    admin.post(page(made, "change"), form(url=PUBLIC, is_enabled=""))
    made.refresh_from_db()
    assert (made.failures, made.url) == (7, PUBLIC)


def test_deleting_an_endpoint_cancels_what_waits_for_it(admin: Client) -> None:
    made, _ = endpoint(url=PUBLIC)
    ended()
    asked = text(admin.get(page(made, "delete")))
    assert "Deliveries: 2" in asked
    admin.post(page(made, "delete"), {"post": "yes"})
    assert not Endpoint.objects.exists()
    assert {job.state for job in Job.objects.filter(kind="webhook")} == {State.CANCELLED}


def test_hostile_text_is_escaped_everywhere(admin: Client, site: Site) -> None:
    made, _ = endpoint(url=f"{site.url}/{HOSTILE}", description=HOSTILE, event_types=["job.failed"])
    Endpoint.objects.update(last_result=HOSTILE, is_enabled=True, disabled_reason=HOSTILE)
    ledger.fail(begun({"master": HOSTILE}), HOSTILE, again=False)
    work()
    pages = [LIST, page(made, "change"), page(made, "rotate"), page(made, "delete"), EVENTS]
    pages.append(reverse("admin:notifications_event_change", args=[Event.objects.get().pk]))
    for each in pages:
        html = admin.get(each).content.decode()
        assert "<script>alert" not in html, each
        assert "alert(1)" in html, each
    answer = admin.post(page(made, "rotate"), {"overlap": "0", "newest": str(endpoint_secrets.newest_id(made))})
    assert "<script>alert" not in answer.content.decode()


@pytest.mark.parametrize("verb", ["rotate", "test"])
def test_who_may_only_look_may_do_neither(site: Site, verb: str) -> None:
    made, _ = endpoint(site)
    looking = staff("view_endpoint")
    assert looking.get(LIST).status_code == 200
    assert looking.post(page(made, verb), {"overlap": "0", "newest": "1"}).status_code == 403
    html = text(looking.get(page(made, "change")))
    assert "Send test event" not in html
    assert "Rotate secret" not in html
    assert not site.asked
    assert Client().post(page(made, verb)).status_code == 302


def test_a_test_is_sent_by_post_with_a_token_only(site: Site) -> None:
    made, _ = endpoint(site)
    client = Client(enforce_csrf_checks=True)
    client.force_login(get_user_model().objects.create_superuser("boss"))
    assert client.get(page(made, "test")).status_code == 405
    assert client.post(page(made, "test")).status_code == 403
    assert not site.asked


@pytest.mark.parametrize("verb", ["rotate", "test"])
def test_an_endpoint_that_is_not_there_is_a_404(admin: Client, verb: str) -> None:
    assert admin.post(f"{LIST}{new_id()}/{verb}/").status_code == 404
    assert admin.post(f"{LIST}nonsense/{verb}/").status_code == 404


# The outbox


def test_events_are_listed_with_how_each_delivery_stands(admin: Client, site: Site) -> None:
    endpoint(site, description="Shop", event_types=["job.completed"])
    endpoint(url=f"{site.url}/bad", description="Gone", event_types=["job.completed"])
    site.answers["/bad"] = status(410)
    job = ended({"master": "m"})
    work()
    html = text(admin.get(EVENTS))
    assert "Shop: delivered" in html
    assert "Gone: failed" in html
    assert str(job.id) in html

    detail = text(admin.get(reverse("admin:notifications_event_change", args=[Event.objects.get().pk])))
    assert '"originalId": "m"' in detail
    assert "The endpoint answered 410: it is gone." in detail
    assert "204 in " in detail


@pytest.mark.parametrize(("state", "count"), [("failed", 1), ("done", 1), ("waiting", 0), ("nonsense", 2)])
def test_dead_letters_are_found_by_a_filter(admin: Client, site: Site, state: str, count: int) -> None:
    made, _ = endpoint(site, event_types=["job.completed"])
    ended()
    work()
    ended()
    delivering.disable(made, "by hand")
    work()
    assert len(admin.get(f"{EVENTS}?delivery={state}").context["cl"].result_list) == count
    assert len(admin.get(f"{EVENTS}?type=job.failed").context["cl"].result_list) == 0


def test_dead_letters_are_delivered_again(admin: Client, site: Site) -> None:
    made, _ = endpoint(site, event_types=["job.completed"])
    ended()
    delivering.disable(made, "by hand")
    work()
    delivering.enable(made)
    chosen = {"action": "deliver_again", "_selected_action": [str(Event.objects.get().pk)]}
    assert said(admin.post(EVENTS, chosen, follow=True)) == ["Deliveries begun again: 1."]
    work()
    assert states() == [State.DONE]
    assert said(admin.post(EVENTS, chosen, follow=True)) == ["None of these deliveries has failed or was cancelled."]
    assert len(site.asked) == 1


def test_nobody_changes_what_happened(admin: Client, site: Site) -> None:
    endpoint(site, event_types=["job.completed"])
    ended()
    event = Event.objects.get()
    change = reverse("admin:notifications_event_change", args=[event.pk])
    assert admin.get(f"{EVENTS}add/").status_code == 403
    assert admin.post(change, {"type": "x"}).status_code == 403
    assert admin.post(reverse("admin:notifications_event_delete", args=[event.pk]), {"post": "yes"}).status_code == 403
    looking = staff("view_event")
    assert looking.get(EVENTS).status_code == 200
    looking.post(EVENTS, {"action": "deliver_again", "_selected_action": [str(event.pk)]})
    assert json.loads(json.dumps(Event.objects.get().data)) == event.data


def test_the_list_asks_the_database_as_often_for_many_events(
    admin: Client, site: Site, django_assert_max_num_queries: Any
) -> None:
    endpoint(site)
    for _ in range(20):
        ended()
    with django_assert_max_num_queries(12):
        admin.get(EVENTS)


# Kafka


def test_kafkas_page_says_how_it_is_set_up_without_its_password(admin: Client, cluster: Cluster) -> None:
    configure(kafka_security="sasl_ssl", kafka_username="imgopt-user", kafka_password="hunter2-and-more")
    html = text(admin.get(KAFKA))
    for word in (cluster.address, "jobs", "sasl_ssl", "imgopt-user", "not tried yet"):
        assert word in html
    assert "hunter2" not in html


def test_the_button_writes_a_test_message_and_says_where_it_is(admin: Client, cluster: Cluster) -> None:
    [sentence] = said(admin.post(KAFKA, follow=True))
    assert re.fullmatch(r"Delivered: confirmed: partition \d, offset 0\.", sentence)
    [read] = cluster.read("jobs", 1)
    assert (read.key, read.headers["type"]) == ("test", "endpoint.test")
    assert "works" in text(admin.get(KAFKA))


def test_a_test_of_a_broker_that_is_down_says_why(admin: Client, cluster: Cluster) -> None:
    cluster.down()
    configure(kafka_timeout_seconds=1.0)
    [sentence] = said(admin.post(KAFKA, follow=True))
    assert sentence.startswith("Not delivered. No broker confirmed the message in 1 s: ")
    assert KafkaTopic.objects.get().failures == 0


def test_without_brokers_the_page_says_so_and_has_no_button(admin: Client) -> None:
    html = text(admin.get(KAFKA))
    assert "IMGOPT_KAFKA_BROKERS names no brokers" in html
    assert "Send test message" not in html
    assert said(admin.post(KAFKA, follow=True)) == ["IMGOPT_KAFKA_BROKERS names no brokers."]


def test_kafkas_page_counts_what_waits(admin: Client) -> None:
    configure(kafka_brokers=("127.0.0.1:1",))
    ended()
    html = re.sub(r"\s+", " ", text(admin.get(KAFKA)))
    assert '<th scope="row">Waiting</th><td>2</td>' in html


def test_who_may_only_look_at_kafka_may_not_test_it() -> None:
    configure(kafka_brokers=("127.0.0.1:1",))
    looking = staff("view_kafkatopic")
    html = text(looking.get(KAFKA))
    assert "127.0.0.1:1" in html
    assert "Send test message" not in html
    assert looking.post(KAFKA).status_code == 403


def test_strangers_see_nothing_of_it() -> None:
    stranger = staff("view_event")
    assert stranger.get(KAFKA).status_code == 403
    assert stranger.get(LIST).status_code == 403


def test_a_link_to_the_row_of_kafka_leads_to_its_page(admin: Client) -> None:
    outbox.kafka_topic()
    assert admin.get(f"{KAFKA}1/change/")["Location"] == KAFKA
    assert admin.get(f"{KAFKA}add/").status_code == 403
    assert not Delivery.objects.exists()
