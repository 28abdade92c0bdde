"""The headers of variants: caching as ruled, and what keeps a picture from being anything but a picture."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from django.conf import settings

from delivery.download import disposition
from delivery.entry import Entry

YEAR_SECONDS = 31_536_000
DRAFT_SECONDS = 2
"""For so long others may keep a draft; a process asks for its final as often (`tiers.memory.UNSETTLED_SECONDS`)."""
QUALITY = "Quality"
"""The header with the receipt in short: see `pipeline.receipt`."""
SAFETY: tuple[tuple[str, str], ...] = (
    ("X-Content-Type-Options", "nosniff"),
    ("Content-Security-Policy", "default-src 'none'; sandbox"),
    ("Cross-Origin-Resource-Policy", "cross-origin"),
)


def cache_control(*, revisioned: bool, expires_at: int | None, now: float, is_draft: bool = False) -> str:
    """This will say how long others may keep a variant. Only what can never change is immutable."""
    longest = YEAR_SECONDS if revisioned else settings.CONFIG.delivery_max_age_seconds
    if is_draft:
        longest = min(longest, DRAFT_SECONDS)
    if expires_at is not None:
        return f"private, max-age={max(0, min(int(expires_at - now), longest))}"
    if is_draft:
        return f"public, max-age={longest}"
    if revisioned:
        return f"public, max-age={longest}, immutable"
    return f"public, max-age={longest}, must-revalidate"


def cdn_headers(*, revisioned: bool, expires_at: int | None, is_draft: bool) -> tuple[tuple[str, str], ...]:
    """This will tell our own CDN to ask again sooner than others need to.

    What a revoked key has signed, and what was deleted, is gone from it within a minute: these seconds, and the five
    in which the processes hear of it. nginx reads this header and passes it on to nobody.
    """
    longest = YEAR_SECONDS if revisioned else settings.CONFIG.delivery_max_age_seconds
    most = settings.CONFIG.delivery_cdn_seconds
    if expires_at is not None or (DRAFT_SECONDS if is_draft else longest) <= most:
        return ()
    return (("X-Accel-Expires", str(most)),)


@cache
def cors() -> tuple[tuple[str, str], ...]:
    origin = settings.CONFIG.delivery_cors_origin
    if not origin:
        return ()
    return (
        ("Access-Control-Allow-Origin", origin),
        ("Access-Control-Expose-Headers", QUALITY),  # a script of another site sees no header that is not named here
        ("Timing-Allow-Origin", origin),
    )


def base_headers(entry: Entry, *, negotiated: bool, hinted: Sequence[str] = ()) -> tuple[tuple[str, str], ...]:
    """This will give what a 200 and a 304 share; `hinted` are the client's hints that may change the answer."""
    varies = [*(["Accept"] if negotiated else []), *hinted]
    hints = [name for name in hinted if name.startswith("Sec-CH-")]  # Save-Data comes unasked
    said = [("ETag", entry.etag), (QUALITY, entry.receipt.header())]
    if varies:
        said.append(("Vary", ", ".join(varies)))
    if hints:
        said.append(("Accept-CH", ", ".join(hints)))
    if entry.max_bytes_met is not None:
        said.append(("X-Imgopt-Max-Bytes", "met" if entry.max_bytes_met else "unmet"))
    return (*said, *SAFETY, *cors())


def body_headers(entry: Entry, *, download: str = "") -> tuple[tuple[str, str], ...]:
    """This will give what only an answer with a picture carries; `download` is the name to save it by."""
    return (
        ("Content-Type", entry.content_type),
        ("Content-Length", str(len(entry.body))),
        ("Content-Disposition", disposition(download, entry.format) if download else "inline"),
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
