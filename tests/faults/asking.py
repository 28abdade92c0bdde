"""What tests of faults ask of a server."""

from __future__ import annotations

import io
import os
import random
import re
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from urllib.parse import urlsplit

from PIL import Image

from tests.e2e.server import ROOT, Answer, Server
from tests.images import dhash

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
    return Picture(upload(server, key, body, f"photo{seed}.jpg"), body)


def upload(server: Server, key: str, photo: bytes, name: str = "coffee.jpg") -> str:
    """This will give the id of a new master."""
    answer = server.upload(key, (name, photo))
    assert answer.status == 201, answer.body
    [image] = answer.json
    return str(image["id"])


def url_of(server: Server, key: str, picture: Picture, **params: str) -> str:
    return sign(server, key, picture.id, **{"w": "320", "fm": "webp", "q": "75", **params})


def sign(server: Server, key: str, image: str, **params: str) -> str:
    """This will give a signed address without its host, to be asked of any machine."""
    answer = server.api(SIGN, key, method="POST", document={"image": image, "params": params})
    assert answer.status == 200, answer.body
    parts = urlsplit(answer.json["url"])
    return f"{parts.path}?{parts.query}"


def figure(server: Server, name: str) -> float:
    """This will give the sum of a metric over its labels, or over those that are said, as in `name{tier="redis"}`."""
    name, _, labels = name.removesuffix("}").partition("{")
    text = server.request("/metrics").body.decode()
    found = re.findall(rf"^{name}(?:\{{([^}}]*)\}})? (\S+)$", text, re.MULTILINE)
    return sum(float(value) for known, value in found if set(filter(None, labels.split(","))) <= {*known.split(",")})


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
