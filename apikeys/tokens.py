"""The text of an API key: `imgo_<env>_<prefix>_<secret>`. Pure: no Django, no settings, no database.

- env: a short word that tells people where a key belongs (`live`, `test`); it is a label and decides nothing
- prefix: 8 base62 characters, no secret, by which the key is found and spoken of
- secret: 256 random bits as 43 base62 characters

Only the SHA-256 of the whole text is stored. A slow password hash would add nothing: nobody can guess 256 random
bits, and PBKDF2 costs 327 ms a call where SHA-256 costs 0.6 µs.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import string
from dataclasses import dataclass, field
from hmac import compare_digest

from apikeys.errors import InvalidKey

ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
PREFIX_LENGTH = 8
SECRET_BITS = 256
SECRET_LENGTH = 43  # 62**43 is just above 2**256
MAX_ENV_LENGTH = 12

ENV = re.compile(rf"[a-z][a-z0-9]{{0,{MAX_ENV_LENGTH - 1}}}")
TOKEN = re.compile(rf"imgo_{ENV.pattern}_([0-9A-Za-z]{{{PREFIX_LENGTH}}})_[0-9A-Za-z]{{{SECRET_LENGTH}}}")


@dataclass(frozen=True, slots=True, kw_only=True)
class NewToken:
    """A fresh token. `text` is shown to its owner once; only `prefix` and `digest` may be stored."""

    text: str = field(repr=False)
    prefix: str
    digest: str


def issue(env: str) -> NewToken:
    """This will make a token that nobody has seen before.

    >>> issue("live").text[:10]
    'imgo_live_'
    """
    if not ENV.fullmatch(env):
        raise ValueError(f"Expected a lower-case word of up to {MAX_ENV_LENGTH} letters for env, received {env!r}.")
    prefix = "".join(secrets.choice(ALPHABET) for _ in range(PREFIX_LENGTH))
    text = f"imgo_{env}_{prefix}_{_base62(secrets.randbits(SECRET_BITS), SECRET_LENGTH)}"
    return NewToken(text=text, prefix=prefix, digest=digest_of(text))


def parse(text: str) -> str:
    """This will give the prefix, or raise `InvalidKey` for any text that is no token."""
    match = TOKEN.fullmatch(text)  # every part is bounded: a longer text fails after the first characters
    if match is None:
        raise InvalidKey
    return match.group(1)


def digest_of(text: str) -> str:
    """SHA-256 of the whole token, as 64 hexadecimal digits."""
    return hashlib.sha256(text.encode()).hexdigest()


def is_same(digest: str, other: str) -> bool:
    """This will compare in constant time."""
    return compare_digest(digest.encode(), other.encode())


def _base62(number: int, length: int) -> str:
    digits = []
    for _ in range(length):
        number, digit = divmod(number, len(ALPHABET))
        digits.append(ALPHABET[digit])
    return "".join(reversed(digits))
