"""Who may read the figures, and that a scrape is answered whatever else goes on."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from prometheus_client.parser import text_string_to_metric_families
from pytest_django import Settings

from apikeys.errors import InvalidKey
from delivery.counters import HIT_TALLY
from delivery.edge import Edge
from delivery.exposition import MetricsRefused, admit
from delivery.hits import HitIndex
from delivery.tiers.memory import MemoryTier
from imgopt import metrics_page, release
from imgopt.values import BASE_DIR
from tests.delivery.world import Untouchable, call, configure

TOKEN = "0123456789abcdef" * 2
LOCAL, STRANGER, PROXY = "127.0.0.1", "203.0.113.9", "10.0.0.1"


@pytest.fixture(autouse=True)
def _own_configuration(settings: Settings) -> None:
    settings.CONFIG = settings.CONFIG
    settings.IMGOPT_TRUSTED_PROXIES = ()


def caller(remote: str = LOCAL, **headers: str) -> dict[str, str]:
    return {"REMOTE_ADDR": remote, **headers}


def bearer(token: str) -> dict[str, str]:
    return {"HTTP_AUTHORIZATION": f"Bearer {token}"}


@pytest.mark.parametrize("remote", [LOCAL, "127.1.2.3", "::1", "::ffff:127.0.0.1"])
def test_the_host_itself_may_read(remote: str) -> None:
    admit(caller(remote))


@pytest.mark.parametrize("remote", [STRANGER, "10.0.0.1", "::2", "2001:db8::1", "", "unix:", "nonsense"])
def test_nobody_else_may(remote: str) -> None:
    with pytest.raises(MetricsRefused):
        admit(caller(remote))


@pytest.mark.parametrize(
    "headers",
    [
        {"HTTP_X_FORWARDED_FOR": STRANGER},
        {"HTTP_X_FORWARDED_FOR": LOCAL},
        {"HTTP_X_FORWARDED_FOR": ""},
        {"HTTP_FORWARDED": f"for={STRANGER}"},
        {"HTTP_X_REAL_IP": LOCAL},
        {"HTTP_X_FORWARDED_HOST": "images.example.com"},
        {"HTTP_X_FORWARDED_PROTO": "https"},
        {"HTTP_VIA": "1.1 nginx"},
    ],
)
def test_a_proxy_on_the_host_does_not_open_it_to_the_world(headers: dict[str, str]) -> None:
    with pytest.raises(MetricsRefused):
        admit(caller(LOCAL, **headers))


def test_behind_a_trusted_proxy_the_address_it_vouches_for_counts(settings: Settings) -> None:
    settings.IMGOPT_TRUSTED_PROXIES = ("127.0.0.0/8", "10.0.0.0/8")
    configure(metrics_networks=("127.0.0.0/8", "192.0.2.0/24"))
    admit(caller(PROXY, HTTP_X_FORWARDED_FOR="192.0.2.7"))
    admit(caller(LOCAL, HTTP_X_FORWARDED_FOR=f"{STRANGER}, 192.0.2.7", HTTP_VIA="1.1 nginx"))
    for headers in (
        {"HTTP_X_FORWARDED_FOR": STRANGER},
        {"HTTP_X_FORWARDED_FOR": f"192.0.2.7, {STRANGER}"},
        {"HTTP_X_FORWARDED_FOR": "nonsense"},
        {"HTTP_FORWARDED": "for=192.0.2.7"},
    ):
        for proxy in (LOCAL, PROXY):
            with pytest.raises(MetricsRefused):
                admit(caller(proxy, **headers))
    with pytest.raises(MetricsRefused):
        admit(caller(STRANGER, HTTP_X_FORWARDED_FOR="192.0.2.7"))


def test_the_token_opens_it_from_anywhere() -> None:
    configure(metrics_token=TOKEN)
    admit(caller(STRANGER, **bearer(TOKEN)))
    admit(caller(LOCAL, HTTP_X_FORWARDED_FOR=STRANGER, **bearer(TOKEN)))
    admit(caller(STRANGER, HTTP_AUTHORIZATION=f"bearer  {TOKEN} "))
    admit(caller(LOCAL))
    with pytest.raises(MetricsRefused):
        admit(caller(STRANGER))


@pytest.mark.parametrize("token", ["", TOKEN[:-1], TOKEN + "x", TOKEN.upper(), "ä" * 32, "\u20ac"])
def test_a_wrong_token_opens_nothing_not_even_for_the_host_itself(token: str) -> None:
    configure(metrics_token=TOKEN)
    for remote in (LOCAL, STRANGER):
        with pytest.raises(InvalidKey) as refusal:
            admit(caller(remote, **bearer(token)))
        assert TOKEN not in refusal.value.message


@pytest.mark.parametrize("token", ["", TOKEN])
def test_without_a_token_in_the_settings_none_opens_it(settings: Settings, token: str) -> None:
    assert not settings.CONFIG.metrics_token
    with pytest.raises(MetricsRefused):
        admit(caller(STRANGER, **bearer(token)))


def ask(**options: Any) -> Any:
    app = {metrics_page.PATH: metrics_page.page}
    edge = Edge(Untouchable("Django"), MemoryTier(0), places=1, hits=HitIndex(), beside=app)
    edge._places.acquire()
    return call(edge, metrics_page.PATH, **options)


def test_is_answered_before_django_while_all_places_are_taken() -> None:
    answer = ask(HTTP_HOST="scraped-by-any-name:8000", HTTP_X_REQUEST_ID="scrape-1")
    assert answer.status == 200
    assert answer.headers["content-type"].startswith("text/plain; version=")
    assert (answer.caching, answer.headers["x-request-id"]) == ("no-store", "scrape-1")
    head = ask(method="HEAD")
    assert (head.body, int(head.headers["content-length"]) > 1000) == (b"", True)


def test_what_prometheus_reads_has_the_hits_of_a_moment_ago() -> None:
    def sent() -> float:
        families = text_string_to_metric_families(ask().body.decode())
        [family] = [family for family in families if family.name == "imgopt_variant_sent_bytes"]
        return family.samples[0].value

    before = sent()
    HIT_TALLY.add(1000, 0)
    assert sent() == before + 1000


def test_refusals_have_the_one_shape() -> None:
    configure(metrics_token=TOKEN)
    refused = ask(REMOTE_ADDR=STRANGER)
    assert (refused.status, refused.headers["content-type"], refused.caching) == (403, "application/json", "no-store")
    assert b'"forbidden"' in refused.body
    wrong = ask(REMOTE_ADDR=STRANGER, **bearer("x" * 32))
    assert (wrong.status, wrong.headers["www-authenticate"]) == (401, 'Bearer realm="imgopt"')
    for answer in (refused, wrong):
        assert b"imgopt_" not in answer.body


def test_can_be_asked_by_get_and_head_only() -> None:
    client = Client(enforce_csrf_checks=True)
    refused = client.post("/metrics")
    assert (refused.status_code, refused["Allow"]) == (405, "GET, HEAD")
    assert client.get("/metrics").status_code == 200


def test_a_release_is_known() -> None:
    assert f'version = "{release.version()}"' in (BASE_DIR / "pyproject.toml").read_text()
