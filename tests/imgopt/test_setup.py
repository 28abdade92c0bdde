"""The first start, the ones after it, and a lost password."""

from __future__ import annotations

import io
import re
import threading
from types import SimpleNamespace
from typing import Any

import pytest
from django.contrib.auth import authenticate, get_user_model
from django.core.management import CommandError, call_command
from django.db import OperationalError

from apikeys import service
from apikeys.models import ApiKey
from assets import children
from assets.errors import StorageUnavailable
from assets.models import Master
from delivery import keyring
from delivery.models import SigningKey
from imgopt import demo, setup
from imgopt.setup import ADMIN_NAME, make_secrets, prepare
from tests.images import encoded, scene

pytestmark = pytest.mark.django_db


def draw() -> bytes:
    return encoded(scene(), "jpeg")


class Here:
    """Draws in this process: starting others is not what is tried here."""

    def __init__(self, **_: Any) -> None: ...
    def __enter__(self) -> Here:
        return self

    def __exit__(self, *_: object) -> None: ...
    def submit(self, work: Any) -> Any:
        class Done:
            result = staticmethod(work)

        return Done


@pytest.fixture(autouse=True)
def quick_demos(monkeypatch: pytest.MonkeyPatch) -> None:
    quick = tuple(
        demo.DemoMaster(key=one.key, original_name=one.original_name, focal_x=0.2, focal_y=0.3, draw=draw)
        for one in demo.DEMO_MASTERS
    )
    monkeypatch.setattr(setup, "DEMO_MASTERS", quick)
    monkeypatch.setattr(setup, "ProcessPoolExecutor", Here)
    monkeypatch.setattr(children, "stop", lambda: None)  # the other tests' children go on


def test_the_first_start_prepares_everything_and_says_so() -> None:
    said: list[str] = []
    prepare(said.append)
    assert said == ["Drawing the demo masters …"]
    assert set(Master.objects.values_list("key", flat=True)) == {"demo/harbour", "demo/poppies"}
    assert {(master.focal_x, master.focal_y) for master in Master.objects.all()} == {(0.2, 0.3)}
    assert keyring.signer().kid
    assert SigningKey.objects.count() == 1


def test_the_secrets_are_made_once_and_work() -> None:
    secrets = make_secrets()
    assert secrets is not None
    user = authenticate(username=ADMIN_NAME, password=secrets.password)
    assert user is not None
    assert user.is_superuser
    assert service.authenticate(secrets.api_key).scopes == ("upload", "sign", "read", "manage")
    assert make_secrets() is None
    assert (get_user_model().objects.count(), ApiKey.objects.count()) == (1, 1)


def test_a_second_start_keeps_everything_and_says_nothing() -> None:
    prepare(lambda _: None)
    make_secrets()
    kept = sorted(Master.objects.values_list("id", "revision"))
    said: list[str] = []
    prepare(said.append)
    assert said == []
    assert sorted(Master.objects.values_list("id", "revision")) == kept
    assert SigningKey.objects.count() == 1


def test_demo_masters_that_were_deleted_do_not_come_back() -> None:
    prepare(lambda _: None)
    make_secrets()
    Master.objects.all().delete()
    prepare(lambda _: None)
    assert not Master.objects.exists()


def test_a_first_start_that_was_interrupted_while_drawing_is_a_first_start_again() -> None:
    prepare(lambda _: None)
    Master.objects.filter(key="demo/harbour").delete()
    said: list[str] = []
    prepare(said.append)
    assert said == ["Drawing the demo masters …"]
    assert Master.objects.count() == 2
    assert make_secrets() is not None


def test_secrets_that_were_half_made_are_not_made(monkeypatch: pytest.MonkeyPatch) -> None:
    """Or the next start would find an admin whose password nobody has seen."""

    def interrupted(**_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(service, "issue", interrupted)
    with pytest.raises(KeyboardInterrupt):
        make_secrets()
    assert not get_user_model().objects.exists()
    monkeypatch.undo()
    assert make_secrets() is not None


def test_a_lost_password_is_replaced_and_shown_once() -> None:
    first = make_secrets()
    assert first is not None
    out = io.StringIO()
    call_command("password", stdout=out)
    lines = [line.split() for line in out.getvalue().splitlines()]
    assert lines[0] == ["user", ADMIN_NAME]
    assert lines[1][0] == "password"
    assert authenticate(username=ADMIN_NAME, password=first.password) is None
    assert authenticate(username=ADMIN_NAME, password=lines[1][1]) is not None


def test_a_password_for_nobody_is_refused() -> None:
    with pytest.raises(CommandError, match="Expected the name of a user, received 'eve'"):
        call_command("password", "eve")


def test_a_dependency_that_is_away_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    def away(_say: Any) -> None:
        raise StorageUnavailable("S3 does not answer")

    monkeypatch.setattr(setup, "prepare", away)
    assert not setup.is_prepared(lambda _: None)


def test_a_file_that_is_no_database_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waiting would not mend it."""

    def broken(_say: Any) -> None:
        raise OperationalError("unable to open database file")

    monkeypatch.setattr(setup, "prepare", broken)
    with pytest.raises(OperationalError):
        setup.is_prepared(lambda _: None)


def test_what_could_not_be_prepared_is_tried_again_until_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    answers, done = iter([False, False, True]), threading.Event()
    tried: list[bool] = []

    def prepared(_say: Any) -> bool:
        tried.append(next(answers))
        return tried[-1]

    monkeypatch.setattr(setup, "AGAIN_SECONDS", 0.01)
    monkeypatch.setattr(setup, "is_prepared", prepared)
    monkeypatch.setattr(setup, "connection", SimpleNamespace(close=lambda: None))
    late = setup.LateSetup(lambda _: None, done.set)
    late.start()
    assert done.wait(20)
    late.stop()
    assert tried == [False, False, True]


def test_the_command_prepares_and_prints_the_secrets_once() -> None:
    out = io.StringIO()
    call_command("prepare", stdout=out)
    assert re.search(r"API key   imgo_\w+", out.getvalue())
    assert Master.objects.count() == 2
    again = io.StringIO()
    call_command("prepare", stdout=again)
    assert "imgo_" not in again.getvalue()
    assert "/admin/" in again.getvalue()
