"""Figures of a server with two processes: any of them tells the sum, also after one has died."""

from __future__ import annotations

import json
import os
import re
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from urllib.error import URLError

import pytest

from tests.e2e.server import Server

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

HITS = 40
REFUSALS = ('imgopt_refusals_total{code="bad_signature"}', 'imgopt_requests_total{route="image",status="4xx"}')


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(
        tmp_path_factory.mktemp("var"),
        {"IMGOPT_SERVER_WORKERS": "2", "IMGOPT_RENDER_PROCESSES": "1", "IMGOPT_JOBS_WORKERS": "0"},
    )
    server.start()
    yield server
    server.stop()


def scrape(server: Server) -> dict[str, float]:
    answer = server.request("/metrics")
    assert answer.status == 200
    lines = [line for line in answer.body.decode().splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


def wait_for(server: Server, is_there: Callable[[dict[str, float]], bool]) -> dict[str, float]:
    """This will give the first of the scrapes that shows it. Every process writes down its hits within a second.

    The kernel resets the connections that it had given to a process which was killed.
    """
    give_up_at = time.monotonic() + 20
    while True:
        with suppress(ConnectionError, URLError):
            figures = scrape(server)
            if is_there(figures):
                return figures
        assert time.monotonic() < give_up_at
        time.sleep(0.05)


def pids(server: Server) -> set[int]:
    [folder] = (server.data_dir / "metrics").glob("server-*")
    return {int(re.findall(r"\d+", path.name)[-1]) for path in folder.glob("gauge_livesum_*.db")}


def answers(figures: dict[str, float]) -> float:
    return sum(value for name, value in figures.items() if name.startswith("imgopt_variant_answers_total{"))


def test_any_process_tells_the_sum_also_when_one_has_been_killed(server: Server) -> None:
    demo = next(line.strip() for line in server.text.splitlines() if "/i/demo/" in line)
    path = demo[demo.index("/i/") :]
    before = scrape(server)  # another test may have been refused here already
    sent = 0
    for _ in range(HITS):
        sent += len(server.request(path).body)
    for _ in range(5):
        assert server.request(path + "x").status == 403

    figures = wait_for(server, lambda figures: answers(figures) >= HITS)
    for _ in range(6):
        again = scrape(server)
        assert answers(again) == HITS
        assert again["imgopt_variant_sent_bytes_total"] == sent
        assert again['imgopt_variant_answers_total{tier="render"}'] == 1
        assert again['imgopt_renders_total{format="jpeg",outcome="rendered"}'] == 1
        for refusals in REFUSALS:
            assert again[refusals] == before.get(refusals, 0) + 5
        assert again["imgopt_variant_saved_bytes_total"] == figures["imgopt_variant_saved_bytes_total"] > 0
        assert again["imgopt_server_processes"] == 2

    victim, kept = sorted(pids(server))
    os.kill(victim, signal.SIGKILL)
    after = wait_for(server, lambda _: victim not in pids(server))
    assert answers(after) == HITS
    assert after["imgopt_variant_sent_bytes_total"] == sent
    reborn = wait_for(server, lambda figures: figures["imgopt_server_processes"] == 2)
    assert kept in pids(server)
    assert reborn["imgopt_process_start_time_seconds"] > figures["imgopt_process_start_time_seconds"]
    assert answers(reborn) == HITS


def test_one_request_can_be_followed_through_the_log_without_its_signature(server: Server) -> None:
    demo = next(line.strip() for line in server.text.splitlines() if "/i/demo/" in line)
    path = demo[demo.index("/i/") :]
    name = "follow-me-1"
    refused = server.request(path + "x", headers={"X-Request-ID": name})
    assert (refused.status, refused.headers["x-request-id"]) == (403, name)
    line = json.loads(server.line_with(name))  # written once the answer has gone out
    assert (line["event"], line["status"], line["code"], line["route"]) == ("request", 403, "bad_signature", "image")
    signature = re.search(r"s=([^&]+)", path)
    assert signature
    assert line["query"].endswith("s=…")
    assert signature[1].partition(".")[2] not in "".join(line for line in server.output if line.startswith("{"))


def test_strangers_and_those_who_come_through_a_proxy_are_refused(server: Server) -> None:
    refused = server.request("/metrics", headers={"X-Forwarded-For": "203.0.113.9"})
    assert (refused.status, refused.json["code"]) == (403, "forbidden")
    assert Path(server.data_dir / "metrics").is_dir()
