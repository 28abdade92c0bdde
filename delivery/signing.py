"""Signed URLs are verified before anything is parsed; what is signed, and how, is `imgopt_client.signing`.

No path or query with a line feed verifies, so no two requests share a message.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field

from delivery.errors import BadSignature, Expired
from imgopt_client.signing import SigningKey, sign_url, signature
from pipeline.errors import BadParameter

__all__ = ["Keyring", "SigningKey", "Verified", "sign_url", "signature", "verify"]

MAX_QUERY_LENGTH = 4096
MAX_EXPIRES_DIGITS = 11


@dataclass(frozen=True, slots=True)
class Keyring:
    """The keys of this moment: one signs, all verify."""

    signer: SigningKey | None
    secrets: Mapping[str, bytes] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Verified:
    """A query whose signature was right: its raw pairs, sorted, without `s`, and the key that verified it."""

    pairs: tuple[str, ...]
    expires_at: int | None
    key: SigningKey


def verify(path: str, query: str, secrets: Mapping[str, bytes], now: float) -> Verified:
    """This will raise `BadSignature`, `Expired` or `BadParameter`, or give the verified pairs; nothing is decoded."""
    if len(query) > MAX_QUERY_LENGTH:
        raise BadParameter(f"Expected a query of at most {MAX_QUERY_LENGTH} characters, received {len(query)}.")
    pairs = query.split("&")
    signed = [pair for pair in pairs if pair[:2] != "s="]
    if len(pairs) - len(signed) != 1:
        raise BadSignature
    names = {pair.partition("=")[0] for pair in signed}
    if len(names) != len(signed) or "s" in names:
        raise BadParameter("Expected each parameter once, received one of them twice.")
    signed.sort()
    given = next(pair for pair in pairs if pair[:2] == "s=")[2:]
    kid, _, mac = given.partition(".")
    secret = secrets.get(kid)
    # A server hands the path on decoded: `%0Aexpires=1` in it would stand for a pair of the signed ones.
    if secret is None or not (_is_plain(path) and _is_plain(query)):
        raise BadSignature
    if not hmac.compare_digest(signature(kid, secret, path, signed), mac):
        raise BadSignature
    if not all("=" in pair for pair in signed):
        raise BadParameter("Expected parameters as name=value, received one without a value.")
    return Verified(tuple(signed), _expiry(signed, now), SigningKey(kid, secret))


def _is_plain(text: str) -> bool:
    return text.isascii() and text.isprintable()


def _expiry(pairs: list[str], now: float) -> int | None:
    text = next((pair[8:] for pair in pairs if pair.startswith("expires=")), None)
    if text is None:
        return None
    if not (text.isdigit() and len(text) <= MAX_EXPIRES_DIGITS):
        raise BadParameter(f"Expected seconds since 1970 for expires, received {text[:40]!r}.")
    if now >= int(text):
        raise Expired
    return int(text)
