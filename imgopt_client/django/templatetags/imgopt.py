"""`{% load imgopt %}` on a site whose pictures are elsewhere: the same tags as the service's own."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

from django import template
from django.conf import settings
from django.template import TemplateSyntaxError
from django.utils.safestring import mark_safe

from imgopt_client.arguments import described, missing, parameters
from imgopt_client.django.pictures import image_of, service
from imgopt_client.errors import BadArgument, Mismatch
from imgopt_client.image import Image
from imgopt_client.service import variant_url
from imgopt_client.sources import srcset

register = template.Library()

log = logging.getLogger("imgopt_client")


@register.simple_tag(name="picture")
def picture_tag(image: object, *, fallback: str | None = None, **arguments: Any) -> str:
    """A `<picture>`; where there is nothing to show, `fallback`: the address of another, or empty for none."""
    if "alt" not in arguments:
        raise TemplateSyntaxError('Expected alt="…" for picture (alt="" for decoration), received none.')
    found = _found("picture", image, has_fallback=fallback is not None)
    html = ""
    if found is not None:
        until = _expires_at(arguments.pop("expires_in", None))
        html = _told("picture", lambda: described(service(), found, until, **arguments).html)
    html = html or missing(alt=arguments["alt"], class_=arguments.get("class", ""), fallback=fallback or "")
    return mark_safe(html)  # noqa: S308


@register.simple_tag(name="srcset")
def srcset_tag(image: object, *, widths: Any = None, fm: str = "", expires_in: Any = None, **said: Any) -> str:
    """The value of a `srcset` attribute; empty where there is no such picture."""
    found = _found("srcset", image)
    if found is None:
        return ""
    until = _expires_at(expires_in)
    return _told(
        "srcset",
        lambda: srcset(service(), found, widths=widths, fm=fm, params=parameters(said), expires_at=until),
    )


@register.simple_tag(name="variant_url")
def variant_url_tag(image: object, *, file_name: str = "", expires_in: Any = None, **said: Any) -> str:
    """The signed URL of one variant; empty where there is no such picture."""
    found = _found("variant_url", image)
    if found is None:
        return ""
    until = _expires_at(expires_in)
    return _told(
        "variant_url",
        lambda: variant_url(service(), found, parameters(said), file_name=file_name, expires_at=until),
    )


def _found(tag: str, value: object, *, has_fallback: bool = False) -> Image | None:
    try:
        found = image_of(value)
    except BadArgument as error:
        raise TemplateSyntaxError(f"{tag}: {error}") from error
    if found is None and settings.DEBUG and not has_fallback:
        raise TemplateSyntaxError(f"Expected a picture that the service has for {tag}, received {value!r}.")
    return found


def _expires_at(expires_in: Any) -> int | None:
    if expires_in is None:
        return None
    if not (str(expires_in).isascii() and str(expires_in).isdigit()):
        raise TemplateSyntaxError(f"Expected seconds for expires_in, received {expires_in!r}.")
    return int(time.time()) + int(expires_in)


def _told(tag: str, make: Callable[[], str]) -> str:
    """This will give what is made, nothing where in production picture and presets are no longer what they were."""
    try:
        return make()
    except Mismatch as error:
        if settings.DEBUG:
            raise TemplateSyntaxError(f"{tag}: {error}") from error
        log.warning("a picture is left out by %s: %s", tag, error)
        return ""
    except BadArgument as error:
        raise TemplateSyntaxError(f"{tag}: {error}") from error
