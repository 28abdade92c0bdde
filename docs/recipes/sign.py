"""Signs imgopt delivery URLs. Python 3.7 or newer, standard library only."""

from __future__ import annotations

import base64
import hmac
import re
from collections.abc import Mapping
from urllib.parse import quote


def sign(
    base: str, path: str, params: Mapping[str, str | int], kid: str, secret: str, expires: int | None = None
) -> str:
    """sign("https://img.example.org", "/i/products/shoe", {"w": 800}, "k1", "<64 hex digits>") gives a signed URL.

    `params` are plain values, not yet percent-encoded; `expires` is a time in seconds since 1970.
    """
    if not re.fullmatch(r"/[A-Za-z0-9._~@/-]*", path):
        raise ValueError(f"not a path that can be signed: {path!r}")
    if expires is not None:
        params = {**params, "expires": expires}
    pairs = sorted(f"{quote(name, safe='')}={quote(str(value), safe=',:')}" for name, value in params.items())
    message = f"imgopt-url-v1\n{kid}\n{path}\n" + "\n".join(pairs)
    mac = hmac.new(bytes.fromhex(secret), message.encode("ascii"), "sha256").digest()
    signature = base64.urlsafe_b64encode(mac).rstrip(b"=").decode("ascii")
    return f"{base}{path}?" + "&".join([*pairs, f"s={kid}.{signature}"])
