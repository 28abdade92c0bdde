from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
import uuid6
from django.contrib.admin.models import LogEntry
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.contrib.sessions.models import Session
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from apikeys import service, tokens
from apikeys.models import ApiKey
from apikeys.service import IssuedKey

Issue = Callable[..., IssuedKey]
LIST = "/admin/apikeys/apikey/"
ADD = "/admin/apikeys/apikey/add/"


@pytest.fixture
def admin(db: None) -> Client:
    client = Client(enforce_csrf_checks=False)
    client.force_login(get_user_model().objects.create_superuser("root"))
    return client


def staff(*permissions: str) -> Client:
    user = get_user_model().objects.create_user("staff", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client = Client()
    client.force_login(user)
    return client


def page_of(key: ApiKey, verb: str) -> str:
    return reverse(f"admin:apikeys_apikey_{verb}", args=[key.pk])


def form(**changes: Any) -> dict[str, Any]:
    return {
        "ticket": str(uuid6.uuid7()),
        "name": "shop",
        "scopes": ["upload", "sign"],
        "rate_per_second": "5",
        "burst": "10",
        "owner": "",
        "expires_at_0": "",
        "expires_at_1": "",
        **changes,
    }


def token_in(html: str) -> str:
    found = tokens.TOKEN.search(html)
    assert found is not None
    return found.group()


def assert_kept_nowhere(token: str, client: Client, caplog: pytest.LogCaptureFixture) -> None:
    """Neither whole nor its secret alone: not in the database, a cookie, a session, the admin's log, our log."""
    secret = token.rpartition("_")[2]
    kept = [
        repr(list(ApiKey.objects.values())),
        repr([(entry.object_repr, entry.change_message) for entry in LogEntry.objects.all()]),
        repr([session.get_decoded() for session in Session.objects.all()]),
        repr(client.cookies),
        caplog.text,
        repr([vars(record) for record in caplog.records]),
    ]
    assert not [text for text in kept if secret in text]


def test_a_key_is_issued_and_shown_once(admin: Client, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    answer = admin.post(ADD, form())

    html = unescape(answer.content.decode())
    token = token_in(html)
    key = service.authenticate(token)
    assert answer.status_code == 200
    assert "no-store" in answer["Cache-Control"]
    assert f'value="{token}"' in html
    assert (
        f"curl -H 'Authorization: Bearer {token}' -F file=@photo.jpg https://images.example.com/api/v1/images" in html
    )
    assert (key.name, key.scopes, key.rate_per_second, key.burst) == ("shop", ("upload", "sign"), 5.0, 10)

    secret = token.rpartition("_")[2]
    for page in (LIST, page_of(key, "change"), page_of(key, "history"), page_of(key, "rotate"), ADD, "/admin/"):
        later = admin.get(page).content.decode()
        assert secret not in later
        assert key.digest not in later
    assert_kept_nowhere(token, admin, caplog)
    assert LogEntry.objects.get().object_id == str(key.pk)


@pytest.mark.parametrize(
    "scopes, call",
    [(["read", "upload"], "-F file=@photo.jpg https:"), (["sign", "read"], "https:"), (["sign"], "-X OPTIONS https:")],
)
def test_the_line_to_paste_is_one_that_the_key_may_do(admin: Client, scopes: list[str], call: str) -> None:
    html = unescape(admin.post(ADD, form(scopes=scopes)).content.decode())

    assert f"{token_in(html)}' {call}" in html


def test_a_form_sent_again_issues_no_second_key(admin: Client) -> None:
    filled = form()
    admin.post(ADD, filled)

    again = admin.post(ADD, filled).content.decode()

    assert "has issued its key already" in again
    assert tokens.TOKEN.search(again) is None
    assert ApiKey.objects.count() == 1


def test_every_form_has_a_ticket_of_its_own(admin: Client) -> None:
    tickets = {admin.get(ADD).context["adminform"].form["ticket"].value() for _ in range(2)}

    assert len(tickets) == 2


@pytest.mark.parametrize(
    "wrong",
    [
        {"scopes": []},
        {"scopes": ["admin"]},
        {"name": ""},
        {"rate_per_second": "0"},
        {"rate_per_second": "nan"},
        {"burst": "0"},
        {"ticket": "x"},
        {"expires_at_0": "2020-01-01", "expires_at_1": "00:00"},
    ],
)
def test_nonsense_issues_nothing(admin: Client, wrong: dict[str, Any]) -> None:
    answer = admin.post(ADD, form(**wrong))

    assert answer.status_code == 200
    assert answer.context["errors"]
    assert not ApiKey.objects.exists()


def test_the_list_tells_what_matters(admin: Client, issue: Issue) -> None:
    issue("upload", name="<b>running</b>")
    service.revoke(issue("read", name="stopped").key)
    now = timezone.now()
    issue("manage", name="ended", now=now - timedelta(days=2), expires_at=now - timedelta(days=1))

    def names(query: str) -> set[str]:
        answer = admin.get(LIST, query_params={} if not query else dict([query.split("=")]))
        return {key.name for key in answer.context["cl"].result_list}

    html = admin.get(LIST).content.decode()
    assert "&lt;b&gt;running" in html
    assert "<b>running" not in html
    assert names("") == {"<b>running</b>", "stopped", "ended"}
    assert names("status=active") == {"<b>running</b>"}
    assert names("status=revoked") == {"stopped"}
    assert names("status=expired") == {"ended"}
    assert names("scope=read") == {"stopped"}
    assert names("q=end") == {"ended"}


def test_name_limits_and_expiry_can_be_changed_and_nothing_else(admin: Client, issue: Issue) -> None:
    key = issue("read").key

    attempts = {"owner": get_user_model().objects.get().pk, "prefix": "0" * 8, "digest": "0" * 64, "scope_bits": 15}
    answer = admin.post(page_of(key, "change"), form(name="new name", burst="3", **attempts))

    changed = ApiKey.objects.get(pk=key.pk)
    assert answer.status_code == 302
    assert (changed.name, changed.burst, changed.rate_per_second) == ("new name", 3, 5.0)
    kept = ("owner", "prefix", "digest", "scope_bits")
    assert [getattr(changed, name) for name in kept] == [getattr(key, name) for name in kept]


def test_a_key_is_revoked_after_a_confirmation(admin: Client, issue: Issue) -> None:
    key = issue().key

    page = admin.get(page_of(key, "revoke"))
    assert "It cannot be undone" in page.content.decode()
    admin.get(page_of(key, "revoke"), {"confirmed": "yes"})
    admin.post(page_of(key, "revoke"))
    assert ApiKey.objects.get(pk=key.pk).revoked_at is None

    answer = admin.post(page_of(key, "revoke"), {"confirmed": "yes"}, follow=True)

    assert ApiKey.objects.get(pk=key.pk).revoked_at is not None
    assert key.prefix in answer.content.decode()
    assert LogEntry.objects.get().change_message == "Revoked."
    assert "revoked already" in admin.get(page_of(key, "revoke")).content.decode()


def test_several_keys_are_revoked_from_the_list(admin: Client, issue: Issue) -> None:
    keys = [issue().key, issue().key]
    spared = issue().key
    chosen = {"action": "revoke_selected", "_selected_action": [str(key.pk) for key in keys]}

    page = admin.post(LIST, chosen).content.decode()
    assert all(str(key.pk) in page for key in keys)
    assert not ApiKey.objects.exclude(revoked_at=None).exists()
    admin.post(LIST, {**chosen, "confirmed": "yes"})

    assert set(ApiKey.objects.exclude(revoked_at=None)) == set(keys)
    assert ApiKey.objects.get(pk=spared.pk).revoked_at is None


def test_a_successor_is_shown_once(admin: Client, issue: Issue, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    old = issue("read")
    assert tokens.TOKEN.search(admin.get(page_of(old.key, "rotate")).content.decode()) is None

    answer = admin.post(page_of(old.key, "rotate"), {"overlap": "3600"})

    html = unescape(answer.content.decode())
    token = token_in(html)
    key = service.authenticate(token)
    assert key.rotated_from == old.key
    assert service.authenticate(old.token)
    assert "no-store" in answer["Cache-Control"]
    assert f"Bearer {token}' https://" in html  # nothing to upload without the scope
    assert old.key.prefix in html
    assert_kept_nowhere(token, admin, caplog)
    assert {entry.object_id for entry in LogEntry.objects.all()} == {str(key.pk), str(old.key.pk)}

    again = admin.post(page_of(old.key, "rotate"), {"overlap": "3600"}).content.decode()
    assert "without a successor" in again
    assert tokens.TOKEN.search(again) is None


@pytest.mark.parametrize("overlap", ["", "-1", "5", "x"])
def test_only_the_offered_overlaps_are_taken(admin: Client, issue: Issue, overlap: str) -> None:
    key = issue().key

    admin.post(page_of(key, "rotate"), {"overlap": overlap})

    assert ApiKey.objects.count() == 1


def test_only_revoked_keys_can_be_deleted(admin: Client, issue: Issue) -> None:
    used, ended = issue().key, issue().key
    service.revoke(ended)

    for key in (used, ended):
        admin.post(page_of(key, "delete"), {"post": "yes"})
    assert list(ApiKey.objects.all()) == [used]

    admin.post(LIST, {"action": "delete_selected", "_selected_action": [str(used.pk)], "post": "yes"})
    assert list(ApiKey.objects.all()) == [used]


def test_an_owner_with_a_key_in_use_cannot_be_deleted_here(admin: Client, issue: Issue) -> None:
    owner = get_user_model().objects.create_user("ann")
    key = issue(owner=owner).key
    page = reverse("admin:auth_user_delete", args=[owner.pk])

    admin.post(page, {"post": "yes"})
    assert ApiKey.objects.filter(pk=key.pk).exists()
    service.revoke(key)
    admin.post(page, {"post": "yes"})
    assert not ApiKey.objects.filter(pk=key.pk).exists()


def test_strangers_see_the_login_page(issue: Issue) -> None:
    key = issue().key

    for page in (LIST, ADD, page_of(key, "change"), page_of(key, "rotate"), page_of(key, "revoke")):
        answer = Client().post(page, {"confirmed": "yes", "overlap": "0"})
        assert answer.status_code == 302
        assert "/admin/login/" in answer["Location"]
    assert ApiKey.objects.get().revoked_at is None


@pytest.mark.parametrize(
    "permissions, allowed",
    [
        ([], set()),
        (["view_apikey"], set()),
        (["view_apikey", "add_apikey"], {"issue"}),
        (["view_apikey", "change_apikey"], {"revoke"}),
        (["view_apikey", "change_apikey", "add_apikey"], {"issue", "revoke", "rotate"}),
    ],
)
def test_permissions_are_asked(issue: Issue, permissions: list[str], allowed: set[str]) -> None:
    client = staff(*permissions)
    rotated, revoked = issue(name="rotated").key, issue(name="revoked").key

    client.post(ADD, form(name="issued"))
    client.post(page_of(rotated, "rotate"), {"overlap": "0"})
    client.post(page_of(revoked, "revoke"), {"confirmed": "yes"})

    done = set()
    if ApiKey.objects.filter(name="issued").exists():
        done.add("issue")
    if ApiKey.objects.filter(name="rotated").count() == 2:
        done.add("rotate")
    if ApiKey.objects.get(pk=revoked.pk).revoked_at:
        done.add("revoke")
    assert done == allowed


def test_the_list_action_asks_for_permission_too(issue: Issue) -> None:
    key = issue().key
    chosen = {"action": "revoke_selected", "_selected_action": [str(key.pk)], "confirmed": "yes"}

    staff("view_apikey").post(LIST, chosen)

    assert ApiKey.objects.get(pk=key.pk).revoked_at is None


@pytest.mark.parametrize("verb", ["rotate", "revoke"])
def test_forms_without_csrf_token_are_refused(issue: Issue, verb: str) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(get_user_model().objects.create_superuser("root"))
    key = issue().key

    answer = client.post(page_of(key, verb), {"confirmed": "yes", "overlap": "0"})

    assert answer.status_code == 403
    assert ApiKey.objects.get().revoked_at is None


def test_absent_keys_are_not_found(admin: Client) -> None:
    for verb in ("rotate", "revoke"):
        for name in (uuid6.uuid7(), "nonsense"):
            assert admin.get(f"{LIST}{name}/{verb}/").status_code == 404
