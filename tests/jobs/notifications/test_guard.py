"""Where webhooks may go, and how much of our time and memory a receiver may take."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from assets.origins import guard, wire
from jobs.models import State
from jobs.notifications.errors import NotDelivered
from jobs.notifications.posting import Answer, post
from tests.assets.origins.site import Site, endless, raw, running, silent, status
from tests.assets.origins.tls import certificate
from tests.jobs.notifications.world import HOOK, configure, ended, endpoint, work_one

LOOPBACK = ("127.0.0.0/8",)


def send(url: str, *, private_networks: tuple[str, ...] = (), timeout_seconds: float = 5.0) -> Answer:
    return post(url, b"{}", {}, private_networks=private_networks, timeout_seconds=timeout_seconds)


def refusal(url: str, **options: object) -> str:
    with pytest.raises(NotDelivered) as caught:
        send(url, **options)  # type: ignore[arg-type]
    return caught.value.message


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "10.1.2.3",
        "192.168.1.1",
        "169.254.169.254",
        "168.63.129.16",
        "100.64.0.1",
        "0.0.0.0",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[fd00::1]",
        "[fe80::1]",
        "[64:ff9b::7f00:1]",
    ],
)
def test_addresses_that_are_not_public_are_refused(host: str) -> None:
    assert "does not have a public address" in refusal(f"https://{host}/hook")


@pytest.mark.parametrize(
    "url",
    [
        "https://127.1/",
        "https://0x7f000001/",
        "https://2130706433/",
        "https://user:password@shop.example/",
        "file:///etc/passwd",
        "gopher://shop.example/",
        "https://shop.example:0/",
        "https://shop.example/\r\nX: y",
        "https://shöp.example/",
        "https://",
        "",
    ],
)
def test_addresses_that_are_oddly_written_are_refused(url: str) -> None:
    assert "Expected a plain http:// or https:// address" in refusal(url)


@pytest.mark.parametrize("addresses", [("10.0.0.1",), ("93.184.215.14", "127.0.0.1"), ("93.184.215.14", "::1")])
def test_a_name_that_leads_inside_is_refused(fixed_lookup: Callable[..., None], addresses: tuple[str, ...]) -> None:
    fixed_lookup(*addresses)
    assert "does not have a public address" in refusal("https://shop.example/hook")


def test_the_address_that_was_checked_is_the_one_that_is_gone_to(
    site: Site, monkeypatch: pytest.MonkeyPatch, fixed_lookup: Callable[..., None]
) -> None:
    """A resolver that answers otherwise the second time is not asked a second time."""
    fixed_lookup("127.0.0.1")
    asked: list[str] = []

    def lookup(host: str, port: int) -> list[tuple[Any, ...]]:
        asked.append(host)
        return fixed(host, port)

    fixed = guard.lookup
    monkeypatch.setattr(guard, "lookup", lookup)
    url = f"http://shop.example:{site.port}{HOOK}"
    assert send(url, private_networks=LOOPBACK).status == 204
    assert asked == ["shop.example"]
    assert site.asked[0][1]["host"] == f"shop.example:{site.port}"


def test_a_private_network_is_open_only_where_it_is_named(site: Site) -> None:
    assert "public" in refusal(f"{site.url}{HOOK}")
    assert "public" in refusal(f"{site.url}{HOOK}", private_networks=("10.0.0.0/8",))
    assert send(f"{site.url}{HOOK}", private_networks=LOOPBACK).status == 204


def test_unencrypted_webhooks_leave_no_private_network(fixed_lookup: Callable[..., None]) -> None:
    fixed_lookup("93.184.215.14")
    assert "Expected an https:// address" in refusal("http://shop.example/hook", private_networks=LOOPBACK)


def test_proxies_of_the_environment_are_not_used(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert send(f"{site.url}{HOOK}", private_networks=LOOPBACK).status == 204


@pytest.mark.parametrize(
    "answer",
    [
        silent,
        endless(b"HTTP/1.1 200 OK\r\n", b"", pause_seconds=0.05),
        endless(b"HTTP/1.1 200 OK\r\nX: ", b"a", pause_seconds=0.05),
        endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n", pause_seconds=0.02),
    ],
)
def test_a_receiver_that_hangs_or_dribbles_is_left_at_the_time_limit(site: Site, answer: Callable[..., None]) -> None:
    site.answers[HOOK] = answer
    start = time.monotonic()
    assert refusal(f"{site.url}{HOOK}", private_networks=LOOPBACK, timeout_seconds=0.5) == (
        "The endpoint did not answer in time."
    )
    assert time.monotonic() - start < 5


def test_headers_without_end_are_not_read_to_theirs(site: Site) -> None:
    site.answers[HOOK] = endless(b"HTTP/1.1 200 OK\r\n", b"X: " + b"a" * 1000 + b"\r\n")
    sentence = refusal(f"{site.url}{HOOK}", private_networks=LOOPBACK)
    assert sentence in (
        "The headers of the endpoint's answer do not end.",
        "The endpoint's answer is not the HTTP it should be.",  # Python's own limit of a hundred of them
    )


def test_a_body_without_end_is_not_read_at_all(site: Site) -> None:
    site.answers[HOOK] = endless(b"HTTP/1.1 200 OK\r\n\r\n", b"a" * 65536)
    assert send(f"{site.url}{HOOK}", private_networks=LOOPBACK).status == 200


@pytest.mark.parametrize("data", [b"", b"nonsense\r\n\r\n", b"\x16\x03\x01\x00\x00", b"HTTP/1.1 abc\r\n\r\n"])
def test_what_is_no_answer_is_no_delivery(site: Site, data: bytes) -> None:
    site.answers[HOOK] = raw(data)
    sentence = refusal(f"{site.url}{HOOK}", private_networks=LOOPBACK)
    assert sentence.startswith(("The endpoint", "The connection to the endpoint"))
    assert sentence.endswith(".")


def test_where_nobody_listens_it_says_so() -> None:
    assert refusal("http://127.0.0.1:1/", private_networks=LOOPBACK) == "The endpoint cannot be reached."


def test_a_server_that_speaks_no_tls_is_no_endpoint(site: Site) -> None:
    sentence = refusal(f"https://127.0.0.1:{site.port}/", private_networks=LOOPBACK)
    assert sentence == "The connection to the endpoint broke off."


@pytest.mark.parametrize(("name", "is_right"), [("localhost", True), ("elsewhere.example", False)])
def test_the_certificate_is_checked_for_the_name(
    site: Site,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    fixed_lookup: Callable[..., None],
    name: str,
    is_right: bool,
) -> None:
    fixed_lookup("127.0.0.1")
    private, public = certificate(tmp_path, name)
    monkeypatch.setattr(wire, "tls_context", lambda: ssl.create_default_context(cafile=str(public)))
    with running(tls=(public, private)) as secure:
        secure.answers[HOOK] = status(204)
        url = f"https://localhost:{secure.port}{HOOK}"
        if is_right:
            assert send(url, private_networks=LOOPBACK).status == 204
            assert secure.bodies == [b"{}"]
        else:
            assert "certificate" in refusal(url, private_networks=LOOPBACK)
            assert not secure.bodies


def test_no_sentence_speaks_of_origins(site: Site) -> None:
    for url in ("https://10.0.0.1/", "", f"https://127.0.0.1:{site.port}/", "http://127.0.0.1:1/"):
        assert "origin" not in refusal(url, private_networks=LOOPBACK).lower()


@pytest.mark.django_db
def test_a_delivery_goes_into_the_networks_of_the_setting_only(site: Site) -> None:
    endpoint(site, event_types=["job.completed"])
    configure(webhooks_private_networks=("10.0.0.0/8",))
    ended()
    job = work_one()
    assert job.state == State.WAITING
    assert job.error == "The endpoint's host 127.0.0.1 does not have a public address."
    assert not site.asked
