"""Signed URLs: HMAC-SHA256 over the path and the sorted raw pairs, verified before anything is parsed.

The message is `imgopt-url-v1`, the key's id, the path and every `name=value` pair but `s`, sorted, a line each.
No path or query with a line feed verifies, so no two requests share a message. `docs/signing.md` has vectors.
"""

from __future__ import annotations

import hmac
import re
from base64 import urlsafe_b64encode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from delivery.errors import BadSignature, Expired
from pipeline.errors import BadParameter

PATH = re.compile(r"/[A-Za-z0-9._~/-]*")
MAX_QUERY_LENGTH = 4096
MAX_EXPIRES_DIGITS = 11


@dataclass(frozen=True, slots=True)
class SigningKey:
    kid: str
    secret: bytes = field(repr=False)


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


def signature(kid: str, secret: bytes, path: str, sorted_pairs: Iterable[str]) -> str:
    """This will give the value of `s` without its kid: base64url of 256 bits, unpadded."""
    message = f"imgopt-url-v1\n{kid}\n{path}\n" + "\n".join(sorted_pairs)
    return urlsafe_b64encode(hmac.digest(secret, message.encode("ascii"), "sha256")).rstrip(b"=").decode()


def sign_url(path: str, pairs: Iterable[str], key: SigningKey) -> str:
    """This will give the path with its query and signature; `pairs` are raw `name=value` texts."""
    if not PATH.fullmatch(path):
        raise ValueError(f"Expected a path of unreserved characters to sign, received {path!r}.")
    ordered = sorted(pairs)
    names = [pair.partition("=")[0] for pair in ordered]
    if not all("=" in pair and pair.isascii() for pair in ordered) or len(set(names)) != len(names) or "s" in names:
        raise ValueError("Expected pairs name=value in ASCII, each name once, and no s.")
    s = f"s={key.kid}.{signature(key.kid, key.secret, path, ordered)}"
    return f"{path}?{'&'.join([*ordered, s])}"


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
