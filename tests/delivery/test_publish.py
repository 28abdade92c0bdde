"""Publishing: whatever is signed verifies and parses."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pytest_django import Settings

from delivery import keyring, publish
from delivery.asked import parse_asked
from delivery.errors import NoSigningKey
from delivery.publish import MAX_EXPIRES_IN_SECONDS, signed_path, signed_url
from delivery.signing import Verified, verify
from imgopt_client.urls import variant_path
from pipeline.errors import BadParameter
from pipeline.params import parse
from tests.delivery.world import master, raiser

SHOE = master(key="products/shoe")
NOW = 1_800_000_000.9


def verified(url: str, now: float = NOW) -> Verified:
    path, _, query = url.partition("?")
    return verify(path, query, keyring.current().secrets, now)


VALUES: dict[str, st.SearchStrategy[str]] = {
    "w": st.integers(1, 2000).map(str),
    "h": st.integers(1, 2000).map(str),
    "ar": st.sampled_from(["16:9", "1.5", "1:1"]),
    "fit": st.sampled_from(["crop", "clip", "fill", "cover", "outside"]),
    "crop": st.sampled_from(["top,left", "entropy", "centre"]),
    "rect": st.just("10,20,300,200"),
    "dpr": st.sampled_from(["1", "1.5", ".5"]),
    "bg": st.sampled_from(["fff", "80ff0000", "rebeccapurple"]),
    "auto": st.just("format,compress"),
    "fm": st.sampled_from(["webp", "jpg"]),
    "q": st.integers(1, 100).map(str),
}


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(params=st.fixed_dictionaries({}, optional=VALUES), lasts=st.none() | st.integers(1, MAX_EXPIRES_IN_SECONDS))
def test_what_is_signed_verifies_and_means_what_was_asked(params: dict[str, str], lasts: int | None) -> None:
    url = signed_path(SHOE, params, file_name="red.webp", expires_in_seconds=lasts, now=NOW)
    result = verified(url)
    asked = parse_asked(url.partition("?")[0], result)
    assert asked.wishes.spec == parse(params.items())
    assert (asked.reference, asked.revision) == ("products/shoe", 1)
    assert result.expires_at == (None if lasts is None else 1_800_000_000 + lasts)


def test_the_client_package_writes_the_same_bytes() -> None:
    params = {"w": "800", "dl": "roter Schuh.jpg", "ar": "16:9", "txt": "© Jane & Doe"}
    ours = signed_path(SHOE, params, file_name="a.webp", expires_in_seconds=60, now=NOW)
    key = keyring.signer()
    expires_at = int(NOW) + 60
    assert ours == variant_path("products/shoe", params, key, revision=1, file_name="a.webp", expires_at=expires_at)


def test_a_master_of_an_origin_has_no_decorative_name() -> None:
    """Its path has dots of its own."""
    away = master()
    away.key, away.origin, away.origin_path = None, "shop", "summer/shoe.jpg"
    assert signed_path(away, {"w": "8"}).startswith("/i/@shop/summer/shoe.jpg?v=1&w=8&s=")
    with pytest.raises(BadParameter, match="no file name"):
        signed_path(away, {}, file_name="red.webp")


def test_params_signed_before_are_not_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    signed_path(SHOE, {"w": "801"})
    monkeypatch.setattr(publish, "read_wishes", raiser("the parser"))
    assert "?v=1&w=801&" in signed_path(master(key="boot"), {"w": "801"})


def test_the_masters_revision_is_part_of_the_url() -> None:
    raised = master(key="products/shoe")
    raised.revision = 7
    assert signed_path(raised, {"q": "70"}).startswith("/i/products/shoe?q=70&v=7&s=")


def test_a_master_without_a_key_is_named_by_its_id() -> None:
    plain = master()
    assert signed_path(plain, {}).startswith(f"/i/{plain.id}?v=1&s=")


def test_commas_and_colons_stay_readable() -> None:
    assert "ar=16:9&crop=top,left" in signed_path(SHOE, {"ar": "16:9", "crop": "top,left", "fit": "crop"})


def test_the_absolute_form_begins_with_the_public_address(settings: Settings) -> None:
    settings.IMGOPT_PUBLIC_URL = "https://img.example.com/photos"
    url = signed_url(SHOE, {"w": "8"}, now=NOW)
    assert url == "https://img.example.com/photos" + signed_path(SHOE, {"w": "8"}, now=NOW)


def test_without_a_time_the_present_counts() -> None:
    expires_at = verified(signed_path(SHOE, {}, expires_in_seconds=100), now=0).expires_at
    assert expires_at is not None
    assert abs(expires_at - time.time() - 100) < 10
    assert verified(signed_path(SHOE, {}, expires_in_seconds=100, now=0), now=0).expires_at == 100, "0 is a time too"


REFUSED: dict[str, dict[str, Any]] = {
    "unknown parameter": {"params": {"x": "1"}},
    "a signature": {"params": {"s": "x"}},
    "a revision": {"params": {"v": "3"}},
    "a version": {"params": {"pv": "00000000"}},
    "a download that goes up": {"params": {"dl": "../a.jpg"}},
    "a width left to the client, which is off": {"params": {"w": "auto"}},
    "an expiry": {"params": {"expires": "9999999999"}},
    "nonsense": {"params": {"w": "1e3"}},
    "empty": {"params": {"w": ""}},
    "two names for one": {"params": {"w": "1", "width": "1"}},
    "no time": {"expires_in_seconds": 0},
    "a past time": {"expires_in_seconds": -5},
    "a very long time": {"expires_in_seconds": MAX_EXPIRES_IN_SECONDS + 1},
    "a file name without a dot": {"file_name": "red"},
    "a file name that goes up": {"file_name": ".."},
    "a file name that stays": {"file_name": "."},
    "a hidden file name": {"file_name": ".webp"},
    "a file name with a slash": {"file_name": "a/b.webp"},
    "a file name with a space": {"file_name": "a b.webp"},
    "a file name with a question mark": {"file_name": "a?b.webp"},
    "a file name with an umlaut": {"file_name": "schön.webp"},
    "a file name with a line feed": {"file_name": "a.webp\n"},
    "a file name that is encoded": {"file_name": "a%2eb.webp"},
}


@pytest.mark.parametrize("arguments", REFUSED.values(), ids=list(REFUSED))
def test_nothing_is_signed_that_would_be_refused(arguments: dict[str, Any]) -> None:
    with pytest.raises(BadParameter, match="Expected"):
        signed_path(SHOE, **{"params": {}, **arguments})


@pytest.mark.django_db
def test_without_a_key_nothing_is_signed(settings: Settings) -> None:
    settings.IMGOPT_SIGNING_KEYS = ()
    keyring.forget()
    with pytest.raises(NoSigningKey):
        signed_path(SHOE, {})
