"""`imgopt sign URL`: the signature of a delivery URL, with a key from the environment or a file."""

from __future__ import annotations

import os
import re
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, unquote, urlsplit

from imgopt.cli.command import Command
from imgopt.cli.errors import OK, UsageError
from imgopt.cli.terminal import complain, say
from imgopt.values import integer, signing_keys
from imgopt_client.errors import BadArgument
from imgopt_client.signing import SigningKey
from imgopt_client.urls import PREFIX, variant_path
from pipeline.errors import BadParameter
from pipeline.params import parse, shown

VARIABLE: Final = "IMGOPT_SIGNING_KEYS"
MOST_SECONDS: Final = 10 * 365 * 86_400
REVISION: Final = re.compile(r"[0-9]{1,9}")
EXPIRES: Final = re.compile(r"[0-9]{1,11}")
THE_SERVICE_S_OWN: Final = frozenset({"pv", "dl", "refine", "preset"})
"""Names that the core does not know."""

DESCRIPTION = f"""\
Sign a delivery URL, or the path of one, as the service does.

The key is the first of {VARIABLE} (kid:hex64,…), or of --key-file, which has the same text; no database is asked.
`v` and `expires` in the URL are signed with it, an old signature is replaced.

  imgopt sign "https://img.example.org/i/products/shoe?w=800&fm=webp&v=3"
"""


def declare(parser: ArgumentParser) -> None:
    parser.add_argument("urls", nargs="*", metavar="URL", help="such as /i/products/shoe?w=800")
    parser.add_argument("--key-file", metavar="FILE", help=f"file with the keys; default: the variable {VARIABLE}")
    parser.add_argument("--expires-in", metavar="SECONDS", help="end of the URL's time, from now")


def run(options: Namespace) -> int:
    if not options.urls:
        raise UsageError("Expected a URL such as /i/products/shoe?w=800.")
    key = read_key(options.key_file, os.environ)
    expires_at = None
    if options.expires_in is not None:
        expires_at = int(time.time()) + _seconds(options.expires_in)
    signed = [sign(url, key, expires_at=expires_at) for url in options.urls]
    for url, text in zip(options.urls, signed, strict=True):
        if warning := doubt(url):
            complain(f"{shown(url)} is signed, and yet: {warning}")
        say(text)
    return OK


def doubt(url: str) -> str | None:
    """This will say what this release would refuse of a URL's parameters. The service, which may be of another release
    and has the presets, decides."""
    own = (*THE_SERVICE_S_OWN, "s", "v", "expires")
    pairs = _params(_parts(url)[2]).items()
    try:
        parse([(name, value) for name, value in pairs if name not in own and not _is_left_to_the_client(name, value)])
    except BadParameter as error:
        return error.message
    return None


def read_key(file: str | None, environment: Mapping[str, str]) -> SigningKey:
    """This will give the key that signs, or raise `UsageError`; what was read is never repeated in its sentence."""
    where = VARIABLE if file is None else "--key-file"
    if file is None:
        text = environment.get(VARIABLE, "")
        if not text:
            raise UsageError(f"Expected a signing key in {VARIABLE}, or --key-file, received neither.")
    else:
        text = _read(file)
    try:
        kid, secret = signing_keys(text)[0]
    except ValueError as error:
        raise UsageError(f"Expected {error} in {where}, received something else.") from error
    return SigningKey(kid, bytes.fromhex(secret))


def sign(url: str, key: SigningKey, *, expires_at: int | None = None) -> str:
    """This will give the signed form of a URL or path.

    >>> sign("/i/products/shoe?w=800&v=3", SigningKey("k1", bytes(range(32))))
    '/i/products/shoe?v=3&w=800&s=k1.QBjy0dt44eNdyWUzvcKhozPeQWGHW0o4MoGzvFC49p0'

    Raises `UsageError` for what cannot be signed.
    """
    base, path, query = _parts(url)
    params = _params(query)
    params.pop("s", None)
    revision = _number(params, "v", REVISION)
    said_expiry = _number(params, "expires", EXPIRES)
    try:
        signed = variant_path(
            path.removeprefix(PREFIX),
            params,
            key,
            revision=revision,
            expires_at=said_expiry if expires_at is None else expires_at,
        )
    except BadArgument as error:
        raise UsageError(str(error)) from error
    except ValueError as error:
        raise UsageError(f"Expected a path of A-Z a-z 0-9 - . _ ~ / and @, received {shown(path)}.") from error
    return f"{base}{signed}"


def _parts(url: str) -> tuple[str, str, str]:
    """This will split a URL into what stands before the path that is signed, that path, and the query."""
    split = _split(url)
    at = split.path.find(PREFIX)
    if at < 0 or len(split.path) == at + len(PREFIX) or split.fragment:
        raise UsageError(f"Expected a delivery URL such as /i/products/shoe?w=800, received {shown(url)}.")
    origin = f"{split.scheme}://{split.netloc}" if split.scheme or split.netloc else ""
    return origin + split.path[:at], split.path[at:], split.query


def _split(url: str) -> SplitResult:
    try:
        split = urlsplit(url)
    except ValueError as error:
        raise UsageError(f"Expected a URL, received {shown(url)}.") from error
    if split.netloc and split.scheme not in ("http", "https"):
        raise UsageError(f"Expected a URL that begins with https:// or http://, received {shown(url)}.")
    return split


def _params(query: str) -> dict[str, str]:
    """This will decode the pairs of a query. A plus sign is one, as it is for the service."""
    params: dict[str, str] = {}
    for pair in query.split("&") if query else ():
        raw_name, equals, raw_value = pair.partition("=")
        try:
            name, value = unquote(raw_name, errors="strict"), unquote(raw_value, errors="strict")
        except UnicodeDecodeError as error:
            raise UsageError(f"Expected parameters in percent-encoded UTF-8, received {shown(pair)}.") from error
        if not equals:
            raise UsageError(f"Expected parameters as name=value, received {shown(pair)}.")
        if name in params:
            raise UsageError(f"Expected each parameter once, received {shown(name)} twice.")
        params[name] = value
    return params


def _is_left_to_the_client(name: str, value: str) -> bool:
    return name in ("w", "dpr") and value.startswith("auto")


def _number(params: dict[str, str], name: str, pattern: re.Pattern[str]) -> int | None:
    text = params.pop(name, None)
    if text is not None and not pattern.fullmatch(text):
        raise UsageError(f"Expected an integer for {name}, received {shown(text)}.")
    return None if text is None else int(text)


def _seconds(text: str) -> int:
    try:
        return integer(1, MOST_SECONDS)(text)
    except ValueError as error:
        raise UsageError(f"Expected {error} for --expires-in, received {shown(text)}.") from error


def _read(file: str) -> str:
    try:
        return ",".join(Path(file).read_text(encoding="ascii").split())
    except OSError as error:
        raise UsageError(f"Expected a file that can be read for --key-file: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise UsageError("Expected pairs kid:key in --key-file, received something else.") from error


COMMAND = Command(
    names=("sign",),
    summary="sign a delivery URL with a key of the environment or a file",
    description=DESCRIPTION,
    declare=declare,
    run=run,
)
