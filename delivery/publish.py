"""Making signed URLs: for the API, the commands and, later, the markup."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from urllib.parse import quote

from django.conf import settings

from assets.models import Master
from delivery import keyring
from delivery.asked import PREFIX
from delivery.signing import sign_url
from pipeline.errors import BadParameter
from pipeline.params import parse

MAX_EXPIRES_IN_SECONDS = 10 * 365 * 86_400
FILE_NAME = re.compile(r"[A-Za-z0-9_~-][A-Za-z0-9._~-]*\.[A-Za-z0-9]+")
RESERVED = ("s", "v", "expires")


def signed_path(
    master: Master,
    params: Mapping[str, str],
    *,
    file_name: str = "",
    expires_in_seconds: int | None = None,
    now: float | None = None,
) -> str:
    """This will give a path with query and signature that delivers a variant of `master`.

    `params` are those of a delivery URL; they are parsed here, so that no URL is signed which would be refused.
    The master's revision is added as `v`; `file_name` is decoration.
    """
    reserved = next((name for name in RESERVED if name in params), None)
    if reserved:
        raise BadParameter(f"Expected no {reserved} among the parameters: it is added by signing.")
    parse(params.items())
    pairs = [f"{quote(name, safe='')}={quote(value, safe=',:')}" for name, value in params.items()]
    pairs.append(f"v={master.revision}")
    if expires_in_seconds is not None:
        if not 1 <= expires_in_seconds <= MAX_EXPIRES_IN_SECONDS:
            raise BadParameter(
                f"Expected 1 to {MAX_EXPIRES_IN_SECONDS} seconds for the time to expiry, received {expires_in_seconds}."
            )
        pairs.append(f"expires={int(time.time() if now is None else now) + expires_in_seconds}")
    path = PREFIX + master.reference
    if file_name:
        path = f"{path}/{file_name}"
        if not FILE_NAME.fullmatch(file_name):
            raise BadParameter(f"Expected a file name such as red-shoe.webp, received {file_name[:40]!r}.")
    return sign_url(path, pairs, keyring.signer())


def signed_url(
    master: Master,
    params: Mapping[str, str],
    *,
    file_name: str = "",
    expires_in_seconds: int | None = None,
    now: float | None = None,
) -> str:
    """This will give the absolute form of `signed_path`."""
    path = signed_path(master, params, file_name=file_name, expires_in_seconds=expires_in_seconds, now=now)
    return f"{settings.IMGOPT_PUBLIC_URL}{path}"
