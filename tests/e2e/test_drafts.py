"""Draft and final over HTTP: the first answer is quick, the final comes by itself, whoever is killed in between."""

from __future__ import annotations

import io
import secrets
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import skimage
from PIL import Image

from tests.e2e.server import ROOT, Answer, Server
from tests.jobs.crew import REDIS_URL
from tests.jobs.services import need
from tests.waiting import wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(240)]
IMMUTABLE = "public, max-age=31536000, immutable"


@pytest.fixture(params=["table", pytest.param("celery", marks=pytest.mark.services)])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Server]:
    """It has real defaults, and no worker beside it."""
    environment = {
        "IMGOPT_JOBS_WORKERS": "0",
        "IMGOPT_JOBS_LEASE_SECONDS": "1",
        "IMGOPT_JOBS_ENGINE": request.param,
        "IMGOPT_RENDER_LOG": str(tmp_path / "renders"),
        "IMGOPT_SERVER_WORKERS": "1",
    }
    if request.param == "celery":
        need(6379)
        prefix = f"e2e-{secrets.token_hex(4)}"
        environment |= {"IMGOPT_JOBS_BROKER_URL": REDIS_URL, "IMGOPT_JOBS_PREFIX": prefix}
    found = Server(tmp_path / "var", environment)
    found.start()
    yield found
    found.stop()


@pytest.fixture
def workers(server: Server) -> Iterator[Callable[[], subprocess.Popen[bytes]]]:
    hired: list[subprocess.Popen[bytes]] = []

    def hire() -> subprocess.Popen[bytes]:
        command = [sys.executable, "manage.py", "worker", "--queues=renders"]
        worker = subprocess.Popen(command, cwd=ROOT, env=server.whole_environment)
        hired.append(worker)
        return worker

    yield hire
    for worker in hired:
        worker.terminate()
        worker.wait()


def photograph(width: int) -> bytes:
    out = io.BytesIO()
    picture = Image.open(Path(skimage.__file__).parent / "data" / "coffee.png").convert("RGB")
    picture.resize((width, width * 2 // 3)).save(out, "JPEG", quality=95)
    return out.getvalue()


def url_of(server: Server, photo: bytes, **params: str) -> str:
    """This will upload a photograph and give the path of a signed URL."""
    key = server.api_key
    [image] = server.upload(key, ("coffee.jpg", photo)).json
    answer = server.api("/api/v1/sign", key, method="POST", document={"image": image["id"], "params": params})
    parts = urlsplit(answer.json["url"])
    return f"{parts.path}?{parts.query}"


def renders(server: Server) -> list[str]:
    """The variants that were begun, a name each time."""
    log = Path(server.environment["IMGOPT_RENDER_LOG"])
    return [line.split()[0] for line in log.read_text().splitlines()] if log.exists() else []


def revalidated(server: Server, url: str, etag: str) -> Answer:
    """This will ask with a draft's ETag until the answer is another one."""
    answers: list[Answer] = []

    def is_final() -> bool:
        answers.append(server.request(url, headers={"If-None-Match": etag}))
        assert answers[-1].status in (200, 304), server.text
        return answers[-1].status == 200

    wait_until(is_final, "a final")
    assert {(answer.status, answer.headers["cache-control"]) for answer in answers[:-1]} <= {(304, "public, max-age=2")}
    return answers[-1]


def job(server: Server) -> tuple[str, int]:
    """State and attempts of the one job that makes a final."""
    with closing(sqlite3.connect(server.data_dir / "db.sqlite3")) as database:
        [row] = database.execute("SELECT state, attempts FROM jobs_job WHERE kind = 'refine'").fetchall()
    return str(row[0]), int(row[1])


def check_draft(draft: Answer) -> None:
    assert draft.status == 200, draft.body
    assert draft.headers["x-cache"] == "render"
    assert draft.headers["cache-control"] == "public, max-age=2"
    assert "provisional" in draft.headers["quality"].split(", ")
    assert draft.headers["quality"].startswith("ssim=")


def check_final(final: Answer, draft: Answer) -> None:
    assert (final.status, final.headers["cache-control"]) == (200, IMMUTABLE)
    assert final.headers["etag"] != draft.headers["etag"]
    assert final.headers["quality"].startswith("ssim=")
    assert "provisional" not in final.headers["quality"]
    assert "met=?1" in final.headers["quality"]


def test_a_server_killed_between_the_draft_and_its_final_loses_nothing(server: Server) -> None:
    url = url_of(server, photograph(600), w="480", fm="avif")
    draft = server.request(url)
    server.kill()
    check_draft(draft)

    server.environment["IMGOPT_JOBS_WORKERS"] = "1"
    server.start()
    final = revalidated(server, url, draft.headers["etag"])
    check_final(final, draft)

    assert server.request(url, headers={"If-None-Match": final.headers["etag"]}).status == 304
    [name] = set(renders(server))
    assert len(renders(server)) == 2, "one draft and one final"
    assert job(server) == ("done", 1)

    second = Server(server.data_dir, {**server.environment, "IMGOPT_JOBS_WORKERS": "0"})
    second.start()
    try:
        same = second.request(url)
    finally:
        second.stop()
    assert (same.headers["x-cache"], same.headers["etag"], same.body) == ("storage", final.headers["etag"], final.body)
    assert renders(server) == [name] * 2


def test_a_worker_killed_in_the_midst_of_a_final_leaves_it_to_the_next(
    server: Server, workers: Callable[[], subprocess.Popen[bytes]]
) -> None:
    url = url_of(server, photograph(1600), w="1600", fm="avif")
    draft = server.request(url)
    check_draft(draft)
    worker = workers()
    wait_until(lambda: len(renders(server)) == 2, "a final begun")
    worker.kill()
    worker.wait()
    assert server.request(url, headers={"If-None-Match": draft.headers["etag"]}).status == 304

    workers()
    final = revalidated(server, url, draft.headers["etag"])
    check_final(final, draft)
    wait_until(lambda: job(server)[0] == "done", "the job's end")
    assert job(server) == ("done", 2)
    assert len(renders(server)) == 3, "a draft, a final that was cut off, a final"
    assert server.request(url).headers["etag"] == final.headers["etag"]


def test_whoever_waits_while_the_final_is_made_gets_that_one(
    server: Server, workers: Callable[[], subprocess.Popen[bytes]]
) -> None:
    photo = photograph(1600)
    url = url_of(server, photo, w="1600", fm="avif")
    waiting = url_of(server, photo, w="1600", fm="avif", refine="wait")
    check_draft(server.request(url))
    workers()
    wait_until(lambda: len(renders(server)) == 2, "a final begun")
    final = server.request(waiting)
    assert (final.headers["cache-control"], final.headers["x-cache"]) == (IMMUTABLE, "storage")
    assert len(renders(server)) == 2
    assert "provisional" not in final.headers["quality"]


def test_where_the_format_is_open_the_final_has_the_smallest(
    server: Server, workers: Callable[[], subprocess.Popen[bytes]]
) -> None:
    photo = photograph(600)
    url = url_of(server, photo, w="480")
    browser = {"Accept": "image/avif,image/webp,*/*;q=0.8"}
    draft = server.request(url, headers=browser)
    check_draft(draft)
    workers()
    wait_until(lambda: job(server)[0] == "done", "the job's end")
    wait_until(lambda: server.request(url, headers=browser).headers["cache-control"] == IMMUTABLE, "a final")
    final = server.request(url, headers=browser)
    check_final(final, draft)
    begun = len(renders(server))
    rivals = [server.request(url, headers={"Accept": f"image/{kind},image/jpeg"}) for kind in ("avif", "webp", "jpeg")]
    assert len(final.body) == min(len(rival.body) for rival in rivals)
    assert {rival.headers["cache-control"] for rival in rivals} == {IMMUTABLE}
    assert len(renders(server)) == begun, "all were made for the comparison"
