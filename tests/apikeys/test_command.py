from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from io import StringIO

import pytest
from django.contrib.auth import get_user_model
from django.core.management import CommandError, call_command
from django.utils import timezone

from apikeys import service
from apikeys.models import ApiKey
from apikeys.service import IssuedKey

Issue = Callable[..., IssuedKey]
pytestmark = pytest.mark.django_db


def run(*arguments: str) -> tuple[str, str]:
    out, err = StringIO(), StringIO()
    call_command("apikey", *arguments, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def test_issue_prints_the_key_alone() -> None:
    get_user_model().objects.create_user("ann")
    out, err = run(
        "issue", "--name", "shop", "--scopes", "upload, sign", "--expires-in", "90d", "--env", "test",
        "--owner", "ann", "--rate", "2.5", "--burst", "9",
    )  # fmt: skip

    key = service.authenticate(out.strip())
    assert out.startswith("imgo_test_")
    assert out.strip() not in err
    assert (key.name, key.scopes, str(key.owner), key.rate_per_second, key.burst) == (
        "shop", ("upload", "sign"), "ann", 2.5, 9,
    )  # fmt: skip
    assert key.expires_at is not None
    assert timedelta(days=89) < key.expires_at - timezone.now() <= timedelta(days=90)


def test_list_shows_keys_without_secrets(issue: Issue) -> None:
    issued, ended = issue("read", "manage", name="shop"), issue(name="old")
    service.revoke(ended.key)

    out, _ = run("list")

    header, last, first = out.splitlines()
    assert header.split() == ["prefix", "status", "scopes", "expires", "last", "used", "name"]
    assert first.split() == [issued.key.prefix, "active", "read,manage", "never", "never", "shop"]
    assert last.split()[:2] == [ended.key.prefix, "revoked"]
    assert issued.token.rpartition("_")[2] not in out
    assert issued.key.digest not in out


def test_rotate_prints_the_successor(issue: Issue) -> None:
    old = issue()

    out, _ = run("rotate", old.key.prefix, "--overlap", "2h")

    assert service.authenticate(out.strip()).rotated_from == old.key
    expires_at = ApiKey.objects.get(pk=old.key.pk).expires_at
    assert expires_at is not None
    assert timedelta(hours=1) < expires_at - timezone.now() <= timedelta(hours=2)


def test_revoke_ends_the_key(issue: Issue) -> None:
    issued = issue()

    assert "is revoked" in run("revoke", issued.key.prefix)[1]
    assert "was revoked before" in run("revoke", issued.key.prefix)[1]
    assert ApiKey.objects.get(pk=issued.key.pk).revoked_at


@pytest.mark.parametrize(
    "arguments, sentence",
    [
        (["revoke", "nobody00"], "received 'nobody00'"),
        (["rotate", "nobody00"], "received 'nobody00'"),
        (["issue", "--name", "x", "--scopes", "admin"], "received 'admin'"),
        (["issue", "--name", "x", "--scopes", "read", "--expires-in", "1y"], "received '1y'"),
        (["issue", "--name", "x", "--scopes", "read", "--expires-in", "0d"], "expires_at"),
        (["issue", "--name", "x", "--scopes", "read", "--owner", "nobody"], "received 'nobody'"),
        (["issue", "--name", "x", "--scopes", "read", "--env", "No"], "received 'No'"),
        ([], "required"),
    ],
)
def test_mistakes_are_one_sentence(arguments: list[str], sentence: str) -> None:
    with pytest.raises(CommandError, match=sentence):
        run(*arguments)
