"""What tests of faults ask of a server, and how they wait."""

from __future__ import annotations

import io
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from urllib.parse import urlsplit

from PIL import Image

from tests.e2e.server import ROOT, Answer, Server
from tests.images import dhash

PATIENCE_SECONDS = 60.0
SIGN = "/api/v1/sign"


@cache
def photograph(seed: int, width: int = 640) -> bytes:
    """A chequered picture, no two of which look alike."""
    colours = random.Random(seed).randbytes(8 * 8 * 3)
    picture = Image.frombytes("RGB", (8, 8), colours).resize((width, width * 3 // 4), Image.Resampling.NEAREST)
    file = io.BytesIO()
    picture.save(file, "jpeg", quality=90)
    return file.getvalue()


@dataclass(frozen=True)
class Picture:
    """A master that was uploaded, and what it looks like."""

    id: str
    body: bytes

    def is_shown_by(self, answer: Answer) -> bool:
        return (dhash(self.body) ^ dhash(answer.body)).bit_count() <= 6


def uploaded(server: Server, key: str, seed: int, width: int = 640) -> Picture:
    body = photograph(seed, width)
    answer = server.upload(key, (f"photo{seed}.jpg", body))
    assert answer.status == 201, answer.body
    [image] = answer.json
    return Picture(image["id"], body)


def url_of(server: Server, key: str, picture: Picture, **params: str) -> str:
    """A signed address without its host, to be asked of any machine."""
    document = {"image": picture.id, "params": {"w": "320", "fm": "webp", "q": "75", **params}}
    answer = server.api(SIGN, key, method="POST", document=document)
    assert answer.status == 200, answer.body
    parts = urlsplit(answer.json["url"])
    return f"{parts.path}?{parts.query}"


def wait_until(what: Callable[[], object]) -> None:
    give_up_at = time.monotonic() + PATIENCE_SECONDS
    while not what():
        assert time.monotonic() < give_up_at, what
        time.sleep(0.05)


def counted(server: Server, metric: str) -> float:
    """The sum of a counter's series, such as `imgopt_damaged_entries_total{tier="storage"}`."""
    lines = server.request("/metrics").body.decode().splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(metric))


def is_refused_for_now(answer: Answer) -> bool:
    """Whether this is the 503 of a service that will be well again."""
    assert answer.status == 503, (answer.status, answer.body[:200])
    assert answer.json["code"] in ("storage_unavailable", "busy")
    assert int(answer.headers["retry-after"]) >= 1
    assert answer.headers["cache-control"] == "no-store"
    return True


PRUNE = """
import datetime, django
django.setup()
from django.core.management import call_command
from assets import pruning as leftovers
from delivery import pruning
leftovers.GRACE = pruning.GRACE = datetime.timedelta(hours=-1)
call_command("prune", even_many=True, skip_checks=True)
"""


def prune(server: Server) -> str:
    """This will prune on a machine as if everything were older than the hour of grace, and give what was said."""
    environment = {**server.whole_environment, "DJANGO_SETTINGS_MODULE": "imgopt.settings", "PYTHONPATH": os.curdir}
    done = subprocess.run(
        [sys.executable, "-c", PRUNE], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
