"""The headers of variants: caching as ruled, and what keeps a picture from being anything but a picture."""

from __future__ import annotations

from functools import cache

from django.conf import settings

from delivery.entry import Entry

YEAR_SECONDS = 31_536_000
SAFETY: tuple[tuple[str, str], ...] = (
    ("X-Content-Type-Options", "nosniff"),
    ("Content-Security-Policy", "default-src 'none'; sandbox"),
    ("Cross-Origin-Resource-Policy", "cross-origin"),
)


def cache_control(*, revisioned: bool, expires_at: int | None, now: float) -> str:
    """This will say how long others may keep a variant. Only what can never change is immutable."""
    longest = YEAR_SECONDS if revisioned else settings.CONFIG.delivery_max_age_seconds
    if expires_at is not None:
        return f"private, max-age={max(0, min(int(expires_at - now), longest))}"
    if revisioned:
        return f"public, max-age={longest}, immutable"
    return f"public, max-age={longest}, must-revalidate"


@cache
def cors() -> tuple[tuple[str, str], ...]:
    origin = settings.CONFIG.delivery_cors_origin
    return (("Access-Control-Allow-Origin", origin), ("Timing-Allow-Origin", origin)) if origin else ()


def base_headers(entry: Entry, *, negotiated: bool) -> tuple[tuple[str, str], ...]:
    """This will give what a 200 and a 304 share."""
    vary = (("Vary", "Accept"),) if negotiated else ()
    return (("ETag", entry.etag), *vary, *SAFETY, *cors())


def body_headers(entry: Entry) -> tuple[tuple[str, str], ...]:
    return (
        ("Content-Type", entry.content_type),
        ("Content-Length", str(len(entry.body))),
        ("Content-Disposition", "inline"),
    )


def matches(if_none_match: str, etag: str) -> bool:
    """Whether the client holds these bytes already (RFC 9110, 13.1.2: weak comparison)."""
    if if_none_match == etag:
        return True
    tags = [tag.strip() for tag in if_none_match.split(",")]
    return "*" in tags or etag in (tag.removeprefix("W/") for tag in tags)


def server_timing(seconds: dict[str, float]) -> str:
    """This will write W3C Server Timing; durations in milliseconds."""
    return ", ".join(f"{phase};dur={1000 * value:.2f}" for phase, value in seconds.items())
