"""The job API without a key: for whom, for which calls, and for nobody else."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from django.core.checks import run_checks
from django.test import Client
from pytest_django import Settings

from apikeys import admission
from tests.assets.caller import Caller, Part, form, photo, problem
from tests.jobs.compat.conftest import JOB, begin, job_of, post, work_all

pytestmark = pytest.mark.django_db
NETWORK = ("10.0.0.0/8", "fd00::/8")


def from_address(address: str, **environ: str) -> Caller:
    client = Client(raise_request_exception=False, REMOTE_ADDR=address, **environ)  # type: ignore[arg-type]
    return Caller(client=client)


@pytest.fixture
def colleague(settings: Settings, db: None) -> Caller:
    settings.CONFIG = replace(settings.CONFIG, jobs_open_networks=NETWORK)
    return from_address("10.1.2.3")


def test_by_default_nobody_is_let_in_without_a_key(db: None) -> None:
    for address in ("10.1.2.3", "127.0.0.1"):
        assert problem(post(from_address(address), b""))[:2] == (401, "missing_key")


def test_the_whole_way_needs_no_key_in_an_open_network(colleague: Caller) -> None:
    image = colleague.upload()
    job = begin(colleague, image["id"], {"format": "webp", "maxDimension": 20})
    work_all()
    [task] = job_of(colleague, job)["tasks"]
    assert colleague.get(f"/api/v1/image/{task['variantID']}/metadata").json()["width"] == 20
    assert colleague.get(f"/image/{task['variantID']}").status_code == 200
    assert colleague.ask("HEAD", f"/image/{task['variantID']}").status_code == 200


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/v1/images"),
        ("GET", "/api/v1/image/{id}"),
        ("PATCH", "/api/v1/image/{id}"),
        ("PUT", "/api/v1/image/{id}"),
        ("DELETE", "/api/v1/image/{id}"),
        ("GET", "/api/v1/image/{id}/placeholder"),
        ("POST", "/api/v1/image/{id}/purge"),
        ("POST", "/api/v1/batch"),
        ("GET", "/api/v1/batches"),
        ("OPTIONS", "/api/v1/images"),
        ("DELETE", JOB),
    ],
)
def test_nothing_else_is_open(colleague: Caller, method: str, path: str) -> None:
    image = colleague.upload()
    assert problem(colleague.ask(method, path.format(**image)))[:2] == (401, "missing_key")


@pytest.mark.parametrize("address", ["192.0.2.7", "11.0.0.1", "127.0.0.1", "::1", "", "2001:db8::1"])
def test_it_is_open_to_no_other_network(colleague: Caller, address: str) -> None:
    assert problem(post(from_address(address), b""))[:2] == (401, "missing_key")


def test_it_is_open_to_an_ipv6_network(colleague: Caller) -> None:
    assert problem(post(from_address("fd00::5"), b""))[0] == 400


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "X-Real-IP", "Via", "X-Forwarded-Proto"])
def test_a_proxy_of_the_network_that_is_not_trusted_opens_it_to_nobody(colleague: Caller, header: str) -> None:
    """Or the proxy beside the service would let the whole world in."""
    answer = colleague.ask("POST", JOB, headers={header: "10.9.9.9"})
    assert problem(answer)[:2] == (401, "missing_key")


def test_a_trusted_proxy_tells_who_is_calling(colleague: Caller, settings: Settings) -> None:
    settings.IMGOPT_TRUSTED_PROXIES = ("10.1.2.3/32",)
    assert problem(colleague.ask("POST", JOB, headers={"X-Forwarded-For": "10.9.9.9"}))[0] == 400
    assert problem(colleague.ask("POST", JOB, headers={"X-Forwarded-For": "203.0.113.9"}))[0] == 401


def test_a_page_of_another_site_in_a_colleagues_browser_is_a_stranger(colleague: Caller) -> None:
    for origin in ("https://evil.example", "null", "http://10.1.2.4:8000"):
        answer = colleague.ask("POST", JOB, headers={"Origin": origin})
        assert problem(answer)[:2] == (401, "missing_key")
    assert problem(colleague.ask("POST", JOB, headers={"Origin": "http://testserver"}))[0] == 400


def test_a_wrong_key_is_not_better_than_none(colleague: Caller) -> None:
    answer = colleague.ask("POST", JOB, headers={"Authorization": "Bearer nonsense"})
    assert problem(answer)[:2] == (401, "invalid_key")


def test_a_right_key_counts_there_too(colleague: Caller) -> None:
    answer = colleague.ask("POST", JOB, headers=Caller.with_scopes("read").headers)
    assert problem(answer)[:2] == (403, "missing_scope")


def test_a_burst_from_an_open_network_is_not_taken_for_strangers(colleague: Caller, settings: Settings) -> None:
    settings.IMGOPT_APIKEYS_ANONYMOUS_BURST, settings.IMGOPT_APIKEYS_ANONYMOUS_RATE = 3, 0.001
    admission._sqlite_store.cache_clear()
    image = colleague.upload()
    for _ in range(20):
        begin(colleague, image["id"])
    stranger = from_address("192.0.2.7")
    statuses = [problem(post(stranger, b""))[0] for _ in range(5)]
    assert statuses == [401, 401, 401, 429, 429]


def _warnings() -> list[Any]:
    return [found for found in run_checks() if found.id == "jobs.W001"]


@pytest.mark.parametrize(
    "network", ["10.0.0.0/8", "10.1.2.3", "127.0.0.0/8", "172.16.0.0/12", "192.168.7.0/24", "::1/128", "fd12::/16"]
)
def test_a_private_network_may_be_open(settings: Settings, network: str) -> None:
    settings.CONFIG = replace(settings.CONFIG, jobs_open_networks=(network,))
    assert _warnings() == []


@pytest.mark.parametrize(
    "network", ["0.0.0.0/0", "::/0", "203.0.113.0/24", "8.8.8.8", "172.0.0.0/8", "2001:db8::/32", "11.0.0.0/8"]
)
def test_a_check_warns_of_an_open_network_that_is_not_private(settings: Settings, network: str) -> None:
    settings.CONFIG = replace(settings.CONFIG, jobs_open_networks=("10.0.0.0/8", network))
    [warning] = _warnings()
    assert network in warning.msg


def test_the_form_of_an_upload_is_the_same_without_a_key(colleague: Caller) -> None:
    answer = colleague.ask("POST", "/api/v1/images", form(Part(photo())), "multipart/form-data; boundary=wrong")
    assert problem(answer)[0::2] == (400, "invalid multipart form")
