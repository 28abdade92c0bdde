"""The pulse: keys and purges of others arrive, whatever the database does meanwhile."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError
from pytest_django import Settings

from delivery import keyring, presets, pulse
from delivery.models import Preset, Purge, SigningKey
from delivery.pulse import INTERVAL_SECONDS, Pulse
from delivery.service import service
from tests.delivery.world import entry, key

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _keys_from_the_table(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.IMGOPT_SIGNING_KEYS = ()
    keyring.forget()
    keyring.rotate()
    monkeypatch.setattr(pulse, "close_old_connections", lambda: None)


def test_is_quick_enough() -> None:
    """Two missed beats still are less than five seconds."""
    assert 2 * INTERVAL_SECONDS < 5


def test_brings_keys_and_purges_of_other_processes() -> None:
    beating = Pulse()
    beating.beat()
    service().memory.put(key(), entry())
    [kid] = keyring.current().secrets
    SigningKey.objects.update(revoked_at="2026-01-01T00:00:00Z")
    Purge.objects.create(master_ids=["00000000-0000-7000-8000-000000000000"], digests=[key().digest])
    assert kid in keyring.current().secrets
    beating.beat()
    assert kid not in keyring.current().secrets
    assert service().memory.get(key()) is None


def test_while_the_database_is_away_what_was_read_last_goes_on_counting(monkeypatch: pytest.MonkeyPatch) -> None:
    beating = Pulse()
    beating.beat()
    service().memory.put(key(), entry())
    known = keyring.current()
    closed: list[int] = []
    monkeypatch.setattr("delivery.pulse.connection.close", lambda: closed.append(1))

    def away(*_: Any) -> Any:
        raise OperationalError("away")

    with monkeypatch.context() as patch:
        patch.setattr(keyring, "refresh", away)
        beating.beat()
    assert closed == [1], "a broken connection is not used again"
    assert keyring.current() is known
    assert service().memory.get(key()) == entry()
    Purge.objects.create(master_ids=["00000000-0000-7000-8000-000000000000"], digests=[key().digest])
    beating.beat()
    assert service().memory.get(key()) is None, "nothing is lost"


def test_starting_beats_at_once_and_goes_on_in_the_background(monkeypatch: pytest.MonkeyPatch) -> None:
    beats: list[int] = []
    threads: list[Any] = []

    class Thread:
        def __init__(self, **options: Any) -> None:
            threads.append(options)

        def start(self) -> None:
            threads[-1]["started"] = True

    monkeypatch.setattr(Pulse, "beat", lambda self: beats.append(1))
    monkeypatch.setattr("delivery.pulse.threading.Thread", Thread)
    pulse.start()
    assert beats == [1]
    [thread] = threads
    assert thread["started"]
    assert thread["daemon"], "it must not keep the server from ending"


WORKER = """
import multiprocessing, sys, django
django.setup()
from pathlib import Path
from delivery import pulse

def work():
    pulse.Pulse.beat = lambda self: None
    pulse.RECORDS.flush = lambda: Path(sys.argv[1]).write_text("written down")
    pulse.start()

worker = multiprocessing.get_context("fork").Process(target=work)
worker.start()
worker.join()
"""


def test_a_worker_that_ends_writes_down_what_is_left(tmp_path: Path) -> None:
    """Granian's workers are forked, and such a process ends without asking `atexit`."""
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings"}
    subprocess.run([sys.executable, "-c", WORKER, str(tmp_path / "file")], check=True, env=environment, timeout=60)
    assert (tmp_path / "file").read_text() == "written down"


def test_brings_presets_of_other_processes() -> None:
    beating = Pulse()
    beating.beat()
    Preset.objects.bulk_create([Preset(name="hero", params="w=800")])
    assert presets.current().find("hero") is None
    beating.beat()
    assert presets.current().get("hero").params == "w=800"
