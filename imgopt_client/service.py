"""The service that pictures are asked of, and URLs of single variants."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any
from urllib.parse import unquote

from imgopt_client.errors import BadArgument, Mismatch
from imgopt_client.geometry import Bounds
from imgopt_client.image import Image
from imgopt_client.parameters import check_names, plain
from imgopt_client.signing import SigningKey
from imgopt_client.urls import variant_path

Params = Mapping[str, object]

ADDRESS = re.compile(r"(?:https?://[A-Za-z0-9.:\[\]_-]+)?(?:/[A-Za-z0-9._~/-]*[A-Za-z0-9._~-])?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """Where the pictures are, and what the service is set to; the defaults are the service's own."""

    url: str
    """Such as `https://img.example.org`, without a slash at its end; empty for URLs that begin with `/i/`."""
    key: SigningKey = field(repr=False)
    bounds: Bounds = field(default_factory=Bounds)
    presets: Mapping[str, str] = field(default_factory=dict)
    """The params of each preset, letter by letter as the service has them: `{"hero": "ar=16:9&fit=crop"}`.

    They tell shape and version of `preset=hero`. Without any, presets count as changing neither size nor shape, and
    caches ask again every minute.
    """
    marks: Mapping[str, str] = field(default_factory=dict)
    """The digest of each watermark, under the name that URLs have for it: `{"brand/logo": "9f86d081…"}`.

    It is in the version of what shows the watermark. Where it is not known, caches ask again every minute.
    """
    check: Callable[[Mapping[str, str]], str | None] | None = None
    """What the service itself says to an author's parameters: their `pv`, or an error."""

    @classmethod
    def of(cls, url: str, key_id: str, secret: str, **options: Any) -> Service:
        """This will make one of what `manage.py signing_key` prints: a key's id and 64 hexadecimal digits."""
        try:
            key = SigningKey(key_id, bytes.fromhex(secret))
        except ValueError as error:
            raise BadArgument("Expected the secret as hexadecimal digits, received something else.") from error
        return cls(url=url.rstrip("/"), key=key, **options)

    def __post_init__(self) -> None:
        if not ADDRESS.fullmatch(self.url):
            raise BadArgument(f"Expected an address such as https://img.example.org, received {self.url[:80]!r}.")

    def versioned(self, params: Mapping[str, str]) -> Mapping[str, str]:
        """This will add the version of what the parameters name besides the picture, so that caches may keep it."""
        version = self._version(params) if self.check is None else self.check(params)
        return {**params, "pv": version} if version else params

    def _version(self, params: Mapping[str, str]) -> str | None:
        """This will give what the service calls the version of preset and watermark; `None`: unknown, or neither."""
        name, said, version = params.get("preset"), params, ""
        if name is not None:
            if name not in self.presets:
                return None
            said, version = {**_read_preset(self.presets[name]), **params}, _short_digest(self.presets[name])
        mark = said.get("mark")
        if not mark or said.get("mark-alpha") == "0":  # nobody sees it
            return version or None
        return _short_digest(f"{version}\n{self.marks[mark]}") if mark in self.marks else None


def variant_url(
    service: Service, image: Image, params: Params | None = None, *, file_name: str = "", expires_at: int | None = None
) -> str:
    """This will give the signed URL of one variant."""
    said = texts(params or {})
    check_names(said)
    path = variant_path(
        image.reference,
        service.versioned(said),
        service.key,
        revision=image.revision,
        file_name=file_name,
        expires_at=expires_at,
    )
    return service.url + path


def texts(params: Params) -> dict[str, str]:
    """This will write numbers and switches as a URL has them.

    >>> texts({"w": 300, "enlarge": True, "dpr": 1.5})
    {'w': '300', 'enlarge': '1', 'dpr': '1.5'}
    """
    return {name: str(int(value)) if isinstance(value, bool) else str(value) for name, value in params.items()}


def meaning(service: Service, params: Mapping[str, str]) -> dict[str, str]:
    """This will give the parameters under their plain names, with those of the preset among them."""
    said = plain(params)
    name = said.pop("preset", None)
    if name is None or not service.presets:
        return said
    if name not in service.presets:
        known = ", ".join(service.presets)
        raise Mismatch(f"Expected one of {known} for preset, received {name[:40]!r}.")
    return {**_read_preset(service.presets[name]), **said}


@lru_cache(maxsize=256)
def _read_preset(text: str) -> Mapping[str, str]:
    """What is left to the client (`w=auto`) is settled by the markup itself."""
    pairs = [pair.partition("=") for pair in text.split("&")]
    said = plain({unquote(name): unquote(value) for name, _, value in pairs})
    return {name: value for name, value in said.items() if not (name in ("w", "dpr") and value.startswith("auto"))}


@lru_cache(maxsize=256)
def _short_digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]
