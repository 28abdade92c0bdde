from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db import DatabaseError, IntegrityError, transaction
from pytest_django import DjangoAssertNumQueries

from apikeys import service, tokens
from apikeys.errors import InvalidKey
from apikeys.models import ApiKey
from apikeys.service import IssuedKey
from pipeline.errors import BadParameter
from tests.apikeys.conftest import NOW

Issue = Callable[..., IssuedKey]
SECOND, HOUR, DAY = timedelta(seconds=1), timedelta(hours=1), timedelta(days=1)
UNKNOWN = InvalidKey().message


@pytest.fixture
def owner(db: None) -> Any:
    return get_user_model().objects.create_user("ann")


def stored_text() -> str:
    return repr(list(ApiKey.objects.values()))


def test_an_issued_key_authenticates(issue: Issue) -> None:
    issued = issue("upload", "sign", now=NOW)

    key = service.authenticate(issued.token, NOW)

    assert key == issued.key
    assert key.scopes == ("upload", "sign")
    assert (key.rate_per_second, key.burst) == (20.0, 100)


def test_only_prefix_and_digest_are_stored(issue: Issue) -> None:
    issued = issue()
    secret = issued.token.rpartition("_")[2]

    assert secret not in stored_text()
    assert issued.key.prefix in stored_text()
    assert issued.key.digest == tokens.digest_of(issued.token)
    assert secret not in repr(issued)


def test_ids_sort_by_the_time_they_were_made(issue: Issue) -> None:
    issued = [issue().key.pk for _ in range(3)]

    assert issued == sorted(issued)
    assert {pk.version for pk in issued} == {7}


def test_a_taken_prefix_is_drawn_again(issue: Issue, monkeypatch: pytest.MonkeyPatch) -> None:
    taken, fresh = tokens.issue("live"), tokens.issue("live")
    drawn = [taken, taken, fresh]
    monkeypatch.setattr(tokens, "issue", lambda env: drawn.pop(0))

    assert [issue().key.prefix for _ in range(2)] == [taken.prefix, fresh.prefix]


@pytest.mark.parametrize("change", ["last character", "secret of another key", "env"])
def test_a_wrong_secret_is_an_unknown_key(issue: Issue, change: str) -> None:
    token = issue().token
    wrong = {
        "last character": token[:-1] + ("A" if token[-1] != "A" else "B"),
        "secret of another key": token.rpartition("_")[0] + "_" + issue().token.rpartition("_")[2],
        "env": token.replace("live", "test"),
    }[change]

    with pytest.raises(InvalidKey) as caught:
        service.authenticate(wrong, NOW)

    assert caught.value.message == UNKNOWN


def test_a_prefix_nobody_has_is_an_unknown_key(db: None) -> None:
    with pytest.raises(InvalidKey) as caught:
        service.authenticate(tokens.issue("live").text, NOW)

    assert caught.value.message == UNKNOWN


def test_a_malformed_key_does_not_reach_the_database(
    db: None, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(0), pytest.raises(InvalidKey):
        service.authenticate("imgo_live_nothing", NOW)


def test_a_key_ends_at_its_expiry(issue: Issue) -> None:
    issued = issue(now=NOW, expires_at=NOW + HOUR)

    assert service.authenticate(issued.token, NOW + HOUR - SECOND)
    with pytest.raises(InvalidKey, match="which is expired"):
        service.authenticate(issued.token, NOW + HOUR)


def test_a_revoked_key_ends_at_once(issue: Issue) -> None:
    issued = issue(now=NOW)

    assert service.revoke(issued.key, NOW)

    with pytest.raises(InvalidKey, match="which is revoked"):
        service.authenticate(issued.token, NOW)


def test_revoking_twice_keeps_the_first_time(issue: Issue) -> None:
    key = issue(now=NOW).key
    again = ApiKey.objects.get(pk=key.pk)

    assert service.revoke(key, NOW)
    assert not service.revoke(again, NOW + DAY)
    assert ApiKey.objects.get(pk=key.pk).revoked_at == NOW


def test_how_a_key_ended_is_told_only_to_who_holds_the_secret(issue: Issue) -> None:
    issued = issue(now=NOW)
    service.revoke(issued.key, NOW)

    with pytest.raises(InvalidKey) as caught:
        service.authenticate(issued.token[:-4] + "0000", NOW)

    assert caught.value.message == UNKNOWN


def test_the_key_of_a_deactivated_owner_does_not_work(issue: Issue, owner: Any) -> None:
    issued = issue(owner=owner)
    assert service.authenticate(issued.token).owner == owner

    owner.is_active = False
    owner.save()

    with pytest.raises(InvalidKey, match="owner is deactivated"):
        service.authenticate(issued.token)


def test_the_keys_of_a_deleted_owner_are_gone(issue: Issue, owner: Any) -> None:
    issued = issue(owner=owner)

    owner.delete()

    with pytest.raises(InvalidKey):
        service.authenticate(issued.token)


def test_last_use_is_written_once_a_minute(issue: Issue) -> None:
    issued = issue(now=NOW)

    def last_use_after(seconds: int) -> object:
        service.authenticate(issued.token, NOW + seconds * SECOND)
        return ApiKey.objects.get(pk=issued.key.pk).last_used_at

    assert issued.key.last_used_at is None
    assert last_use_after(0) == NOW
    assert last_use_after(59) == NOW
    assert last_use_after(61) == NOW + 61 * SECOND
    assert last_use_after(30) == NOW + 61 * SECOND  # a process whose clock is behind


def test_between_two_notes_a_call_is_one_read(issue: Issue, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    issued = issue(now=NOW)
    service.authenticate(issued.token, NOW)

    with django_assert_num_queries(1):
        service.authenticate(issued.token, NOW + SECOND)


def test_of_two_processes_only_one_writes_the_last_use(issue: Issue) -> None:
    key = issue(now=NOW).key
    mine, other = ApiKey.objects.get(pk=key.pk), ApiKey.objects.get(pk=key.pk)

    mine.note_use(NOW + SECOND)
    other.note_use(NOW + 2 * SECOND)

    assert ApiKey.objects.get(pk=key.pk).last_used_at == NOW + SECOND


def test_a_database_that_cannot_note_the_use_turns_nobody_away(issue: Issue, monkeypatch: pytest.MonkeyPatch) -> None:
    issued = issue()

    def locked(*_arguments: object) -> None:
        raise DatabaseError("database is locked")

    monkeypatch.setattr(ApiKey, "note_use", locked)

    assert service.authenticate(issued.token) == issued.key


def test_a_successor_has_the_same_rights_and_the_old_key_ends_after_the_overlap(issue: Issue, owner: Any) -> None:
    old = issue("read", "manage", now=NOW - DAY, owner=owner, rate_per_second=3.5, burst=7)

    new = service.rotate(old.key, HOUR, now=NOW)

    assert new.token != old.token
    assert (new.key.name, new.key.owner, new.key.scopes) == ("shop", owner, ("read", "manage"))
    assert (new.key.rate_per_second, new.key.burst, new.key.expires_at) == (3.5, 7, None)
    assert new.key.rotated_from == old.key
    assert service.authenticate(old.token, NOW + HOUR - SECOND)
    assert service.authenticate(new.token, NOW + HOUR)
    with pytest.raises(InvalidKey, match="expired"):
        service.authenticate(old.token, NOW + HOUR)


def test_without_overlap_the_old_key_ends_at_once(issue: Issue) -> None:
    old = issue(now=NOW)

    service.rotate(old.key, timedelta(0), now=NOW)

    with pytest.raises(InvalidKey):
        service.authenticate(old.token, NOW)


def test_a_successor_gets_the_same_term_and_the_old_key_no_longer_one(issue: Issue) -> None:
    old = issue(now=NOW - 29 * DAY, expires_at=NOW + DAY)

    new = service.rotate(old.key, 7 * DAY, now=NOW)

    assert new.key.expires_at == NOW + 30 * DAY
    assert ApiKey.objects.get(pk=old.key.pk).expires_at == NOW + DAY


def test_a_key_is_rotated_once(issue: Issue) -> None:
    old = issue(now=NOW)
    as_another_process_sees_it = ApiKey.objects.get(pk=old.key.pk)
    service.rotate(old.key, DAY, now=NOW)

    with pytest.raises(BadParameter, match="without a successor"):
        service.rotate(as_another_process_sees_it, HOUR, now=NOW)

    assert ApiKey.objects.count() == 2
    assert ApiKey.objects.get(pk=old.key.pk).expires_at == NOW + DAY


@pytest.mark.parametrize("how", ["revoked", "expired"])
def test_an_ended_key_is_not_rotated(issue: Issue, how: str) -> None:
    old = issue(now=NOW - DAY, expires_at=NOW - HOUR if how == "expired" else None)
    if how == "revoked":
        service.revoke(ApiKey.objects.get(pk=old.key.pk), NOW)  # by somebody else: our copy does not know

    with pytest.raises(BadParameter, match="in use to rotate"):
        service.rotate(old.key, HOUR, now=NOW)

    assert ApiKey.objects.count() == 1


def test_a_negative_overlap_is_refused(issue: Issue) -> None:
    with pytest.raises(BadParameter, match="overlap"):
        service.rotate(issue().key, -HOUR)


@pytest.mark.parametrize(
    "wrong, sentence",
    [
        ({"scopes": ["admin"]}, "upload, sign, read, manage, received 'admin'"),
        ({"scopes": []}, "at least one scope"),
        ({"scopes": "read"}, "received 'r'"),
        ({"name": ""}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"name": "a\nb"}, "control characters"),
        ({"rate_per_second": 0}, "rate_per_second"),
        ({"rate_per_second": float("nan")}, "rate_per_second"),
        ({"rate_per_second": float("inf")}, "rate_per_second"),
        ({"burst": 0}, "burst"),
        ({"burst": 10**7}, "burst"),
        ({"env": "Live!"}, "env"),
        ({"expires_at": NOW}, "expires_at"),
    ],
)
def test_refuses_nonsense(issue: Issue, wrong: dict[str, Any], sentence: str) -> None:
    with pytest.raises(BadParameter, match=sentence):
        issue(**{"now": NOW, "scopes": ["read"], **wrong})

    assert not ApiKey.objects.exists()


def test_the_database_itself_refuses_a_key_without_scope_or_limit(issue: Issue) -> None:
    key = issue().key

    for change in ({"scope_bits": 0}, {"rate_per_second": 0}, {"burst": 0}):
        with pytest.raises(IntegrityError), transaction.atomic():
            ApiKey.objects.filter(pk=key.pk).update(**change)


def test_keys_are_found_by_scope(issue: Issue) -> None:
    both, read = issue("upload", "read").key, issue("read").key

    assert set(ApiKey.objects.with_scope("read")) == {both, read}
    assert list(ApiKey.objects.with_scope("upload")) == [both]
    assert not ApiKey.objects.with_scope("manage")


def test_usable_keys_are_those_that_authenticate(issue: Issue, owner: Any) -> None:
    good = [issue(now=NOW).key, issue(now=NOW, expires_at=NOW + HOUR).key, issue(owner=owner).key]
    ended = [issue(now=NOW - DAY, expires_at=NOW).key, issue(now=NOW).key]
    service.revoke(ended[1], NOW)

    assert set(ApiKey.objects.usable(NOW)) == set(good)
    assert [key.status_at(NOW) for key in ended] == ["expired", "revoked"]
    get_user_model().objects.update(is_active=False)
    assert set(ApiKey.objects.usable(NOW)) == set(good[:2])
