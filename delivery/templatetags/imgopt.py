"""`{% load imgopt %}`: `{% picture %}`, `{% srcset %}` and `{% variant_url %}`. docs/markup.md has every argument."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import structlog
from django import template
from django.conf import settings
from django.template import TemplateSyntaxError
from django.utils.safestring import mark_safe

from assets.models import Master
from delivery import markup
from delivery.errors import Mismatch
from imgopt_client.arguments import missing
from pipeline.errors import BadParameter

register = template.Library()

log = structlog.get_logger("delivery.markup")


@register.simple_tag(name="picture")
def picture_tag(master: object, *, fallback: str | None = None, **arguments: Any) -> str:
    """A `<picture>`; where there is nothing to show, `fallback`: the address of another picture, or empty for none."""
    if "alt" not in arguments:
        raise TemplateSyntaxError('Expected alt="…" for picture (alt="" for decoration), received none.')
    made = _made("picture", markup.picture, master, arguments, has_fallback=fallback is not None)
    if made is not None:
        return made
    return mark_safe(missing(alt=arguments["alt"], class_=arguments.get("class", ""), fallback=fallback or ""))  # noqa: S308


@register.simple_tag(name="srcset")
def srcset_tag(master: object, **arguments: Any) -> str:
    """The value of a `srcset` attribute; empty where there is nothing to show."""
    return _made("srcset", markup.srcset, master, arguments) or ""


@register.simple_tag(name="variant_url")
def variant_url_tag(master: object, **arguments: Any) -> str:
    """The signed URL of one variant; empty where there is nothing to show."""
    return _made("variant_url", markup.variant_url, master, arguments) or ""


def _made(
    tag: str, make: Callable[..., str], value: object, arguments: dict[str, Any], *, has_fallback: bool = False
) -> str | None:
    """This will give what is made of a master; `None`: there is no such master, or no such preset or watermark.

    A page in production is not broken by what somebody deletes or changes; its author is told while writing it.
    """
    try:
        found: Master | None = markup.find(value)
        if found is not None:
            return make(found, **arguments)
    except Mismatch as error:
        if settings.DEBUG:
            raise _told(tag, error) from error
        log.warning("picture left out", tag=tag, master=str(value), reason=error.message)
        return None
    except BadParameter as error:
        raise _told(tag, error) from error
    if settings.DEBUG and not has_fallback:
        raise TemplateSyntaxError(f"Expected a master, its id or its key for {tag}, received {value!r}.")
    return None


def _told(tag: str, error: BadParameter) -> TemplateSyntaxError:
    return TemplateSyntaxError(f"{tag}: {error.message}")
