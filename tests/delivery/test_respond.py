"""Headers: caching as ruled, safety, and who holds the bytes already."""

from __future__ import annotations

from dataclasses import replace

import pytest

from delivery import respond
from delivery.respond import base_headers, body_headers, cache_control, cdn_headers, matches, server_timing
from tests.delivery.world import configure, entry

NOW = 1_800_000_000.25


@pytest.mark.parametrize(
    ("revisioned", "expires_in", "header"),
    [
        (True, None, "public, max-age=31536000, immutable"),
        (False, None, "public, max-age=60, must-revalidate"),
        (True, 3600, "private, max-age=3599"),
        (True, 1, "private, max-age=0"),
        (True, 0, "private, max-age=0"),
        (True, -5, "private, max-age=0"),
        (True, 10**9, "private, max-age=31536000"),
        # Not knowing the revision keeps it short, and the expiry shorter still.
        (False, 3600, "private, max-age=60"),
        (False, 10, "private, max-age=9"),
    ],
)
def test_caching_is_as_ruled(revisioned: bool, expires_in: int | None, header: str) -> None:
    expires_at = None if expires_in is None else 1_800_000_000 + expires_in
    assert cache_control(revisioned=revisioned, expires_at=expires_at, now=NOW) == header


def test_the_short_age_is_a_setting() -> None:
    configure(delivery_max_age_seconds=7)
    assert cache_control(revisioned=False, expires_at=None, now=NOW) == "public, max-age=7, must-revalidate"


def test_a_picture_can_only_be_a_picture() -> None:
    headers = dict(base_headers(entry(), negotiated=False) + body_headers(entry()))
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert headers["Content-Disposition"] == "inline"
    assert headers["Content-Type"] == "image/webp"
    assert headers["Content-Length"] == "7"


@pytest.mark.parametrize("negotiated", [True, False])
def test_says_that_it_was_negotiated_only_where_it_was(negotiated: bool) -> None:
    assert (("Vary", "Accept") in base_headers(entry(), negotiated=negotiated)) is negotiated


@pytest.mark.parametrize("origin", ["*", "https://shop.example.com", ""])
def test_cors_is_a_setting(origin: str) -> None:
    configure(delivery_cors_origin=origin)
    respond.cors.cache_clear()
    headers = dict(base_headers(entry(), negotiated=False))
    assert headers.get("Access-Control-Allow-Origin", "") == origin
    assert headers.get("Timing-Allow-Origin", "") == origin


@pytest.mark.parametrize(("met", "said"), [(None, None), (True, "met"), (False, "unmet")])
def test_tells_whether_the_bytes_asked_for_were_kept(met: bool | None, said: str | None) -> None:
    headers = dict(base_headers(replace(entry(), max_bytes_met=met), negotiated=False))
    assert headers.get("X-Imgopt-Max-Bytes") == said


ETAG = '"abc"'


@pytest.mark.parametrize(
    ("if_none_match", "known"),
    [
        ('"abc"', True),
        ('W/"abc"', True),
        ("*", True),
        ('"x", "abc"', True),
        ('"x" ,W/"abc","y"', True),
        ("", False),
        ('"x"', False),
        ("abc", False),
        ('"ABC"', False),
        ('"abcd"', False),
        ('w/"abc"', False),
        ('W/W/"abc"', False),
        ("," * 5000, False),
        ("\x00é\udc80", False),
    ],
)
def test_compares_etags_weakly(if_none_match: str, known: bool) -> None:
    assert matches(if_none_match, ETAG) is known


def test_server_timing_is_in_milliseconds() -> None:
    assert server_timing({"decode": 0.0123, "encode": 1.5}) == "decode;dur=12.30, encode;dur=1500.00"


@pytest.mark.parametrize(
    ("revisioned", "expires_at", "is_draft", "told"),
    [
        (True, None, False, "50"),
        (False, None, False, "50"),
        (True, None, True, None),
        (True, int(NOW) + 3600, False, None),
        (False, int(NOW) + 3600, True, None),
    ],
)
def test_our_own_cdn_is_told_to_ask_within_the_minute(
    revisioned: bool, expires_at: int | None, is_draft: bool, told: str | None
) -> None:
    """What a revoked key has signed is gone from it within a minute: 50 seconds and the 5 in which processes hear."""
    found = dict(cdn_headers(revisioned=revisioned, expires_at=expires_at, is_draft=is_draft))
    assert found.get("X-Accel-Expires") == told


def test_nothing_is_told_where_the_answer_is_short_anyway() -> None:
    configure(delivery_max_age_seconds=20)
    assert cdn_headers(revisioned=False, expires_at=None, is_draft=False) == ()
    configure(delivery_cdn_seconds=0)
    assert cdn_headers(revisioned=False, expires_at=None, is_draft=True) == (("X-Accel-Expires", "0"),)
