"""The service and the pictures of a Django site's settings."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from django.conf import settings
from django.core.cache import cache
from django.core.exceptions import ImproperlyConfigured

from imgopt_client.api import Api
from imgopt_client.errors import ApiError, BadArgument, NotFound
from imgopt_client.geometry import Bounds
from imgopt_client.image import Image, from_api
from imgopt_client.ladder import DEFAULT_LADDER
from imgopt_client.service import Service

CACHE_SECONDS = 300
"""How long what was looked up is believed. A picture that is replaced meanwhile is shown at once all the same, only
that caches ask again every minute for a URL with a former revision."""
NOT_FOUND_SECONDS = 60
SILENT_SECONDS = 10
"""A service that does not answer costs one page two seconds, not each picture of every page."""
TIMEOUT_SECONDS = 2.0

KNOWN = ("url", "key_id", "secret", "api_key", "presets", "marks", "ladder", "cache_seconds")
NOTHING = ""

log = logging.getLogger("imgopt_client")


def service() -> Service:
    """This will give the service that `IMGOPT_CLIENT` names."""
    said = _settings()
    try:
        return Service.of(
            said["url"],
            said["key_id"],
            said["secret"],
            presets=said.get("presets", {}),
            marks=said.get("marks", {}),
            bounds=Bounds(tuple(said.get("ladder", DEFAULT_LADDER))),
        )
    except KeyError as error:
        raise ImproperlyConfigured(f"Expected {error.args[0]} in IMGOPT_CLIENT, received none.") from error


def image_of(value: object) -> Image | None:
    """This will give the facts of a picture: given as an `Image`, a mapping or an object, or looked up by its name.

    `None`: there is no such picture, or the service does not tell.
    """
    if isinstance(value, Image):
        return value
    if not value:
        return None
    if isinstance(value, str):
        return _looked_up(value)
    if isinstance(value, Mapping):
        return from_api(value) if "hasAlpha" in value else _of_facts(value)
    return _of_facts({field.name: getattr(value, field.name) for field in fields(Image) if hasattr(value, field.name)})


def _of_facts(facts: Mapping[str, Any]) -> Image:
    known = {field.name for field in fields(Image)}
    try:
        return Image(**{name: value for name, value in facts.items() if name in known})
    except TypeError as error:
        raise BadArgument("Expected reference, width and height of a picture, received fewer.") from error


def _looked_up(reference: str) -> Image | None:
    """This will ask the service once, and Django's cache from then on."""
    said = _settings()
    name = "imgopt:" + hashlib.sha256(f"{said.get('url')} {reference}".encode()).hexdigest()
    kept = cache.get(name)
    if kept is not None:
        return Image(**kept) if kept else None
    found, seconds = _asked(said, reference)
    facts = {field.name: getattr(found, field.name) for field in fields(Image)} if found else NOTHING
    cache.set(name, facts, said.get("cache_seconds", CACHE_SECONDS) if found else seconds)
    return found


def _asked(said: Mapping[str, Any], reference: str) -> tuple[Image | None, int]:
    silent = f"imgopt:silent:{said.get('url')}"
    if "api_key" not in said:
        raise ImproperlyConfigured("Expected api_key in IMGOPT_CLIENT to look pictures up, received none.")
    if cache.get(silent):
        return None, SILENT_SECONDS
    api = Api(url=said["url"], key=said["api_key"], timeout_seconds=TIMEOUT_SECONDS)
    try:
        return api.image(reference), 0
    except NotFound:
        return None, NOT_FOUND_SECONDS
    except ApiError as error:
        if error.status in (401, 403):
            raise  # a key that does not do is a fault of the settings, and stays one
        log.warning("the image service does not tell: %s", error)
        cache.set(silent, True, SILENT_SECONDS)
        return None, SILENT_SECONDS


def _settings() -> Mapping[str, Any]:
    said: Mapping[str, Any] = getattr(settings, "IMGOPT_CLIENT", {})
    if unknown := sorted(said.keys() - set(KNOWN)):
        raise ImproperlyConfigured(f"Expected some of {', '.join(KNOWN)} in IMGOPT_CLIENT, received {unknown[0]!r}.")
    return said
