"""The list of masters: which of them, and in which order.

Every filter is one row of `FILTERS`; the API's description is made of the same rows.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time
from typing import Any, Final

from django.db.models import F, Q, QuerySet
from django.db.models.expressions import OrderBy
from django.http import QueryDict
from django.utils.dateparse import parse_date, parse_datetime

from assets.models import Master
from assets.names import KEY_LENGTH
from pipeline.errors import BadParameter

FORMATS: Final = ("jpeg", "png", "webp", "avif", "gif", "tiff", "bmp", "ico")
MAX_NUMBER: Final = 10**9
ORDERINGS: Final[Mapping[str, str]] = {
    "createdAt": "created_at",
    "updatedAt": "updated_at",
    "key": "key",
    "originalName": "original_name",
    "byteSize": "blob__byte_size",
    "width": "blob__width",
    "height": "blob__height",
}
NULLABLE: Final = frozenset({"key"})
DEFAULT_ORDERING: Final = "-createdAt"


def _text(name: str, text: str) -> str:
    """Databases refuse NUL (PostgreSQL) and long patterns (SQLite)."""
    if len(text) > KEY_LENGTH or "\0" in text:
        raise _refusal(f"at most {KEY_LENGTH} characters of text", name, text)
    return text


def _format(name: str, text: str) -> str:
    if text not in FORMATS:
        raise _refusal(f"one of {', '.join(FORMATS)}", name, text)
    return text


def _integer(name: str, text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 10 and int(text) <= MAX_NUMBER):
        raise _refusal(f"an integer from 0 to {MAX_NUMBER}", name, text)
    return int(text)


def _boolean(name: str, text: str) -> bool:
    if text not in ("true", "false"):
        raise _refusal("true or false", name, text)
    return text == "true"


def _moment(name: str, text: str) -> datetime:
    """This will read a date (its first moment) or a time; without an offset it is in UTC."""
    try:
        moment = parse_datetime(text)
        if moment is None and (day := parse_date(text)):
            moment = datetime.combine(day, time())
        # The year 1 with an offset of some hours lies before all years.
        moment = moment and (moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC))
    except (ValueError, OverflowError):
        moment = None
    if moment is None:
        raise _refusal("a date or time such as 2026-05-01 or 2026-05-01T12:00:00Z", name, text)
    return moment


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """How one query parameter narrows the list."""

    parse: Callable[[str, str], Any]
    narrow: Callable[[Any], Q]
    help: str
    schema: Mapping[str, Any]


def _filter(parse: Callable[[str, str], Any], lookup: str, text: str, schema: Mapping[str, Any]) -> Filter:
    return Filter(parse=parse, narrow=lambda value: Q(**{lookup: value}), help=text, schema=schema)


_TEXT: Final = {"type": "string", "maxLength": KEY_LENGTH}
_NUMBER: Final = {"type": "integer", "minimum": 0, "maximum": MAX_NUMBER}
_FLAG: Final = {"type": "boolean"}
_MOMENT: Final = {"anyOf": [{"type": "string", "format": form} for form in ("date", "date-time")]}
_MOVING: Final = Q(blob__pages__gt=1, blob__format__in=("gif", "webp"))

FILTERS: Final[Mapping[str, Filter]] = {
    "search": Filter(
        parse=_text,
        narrow=lambda text: Q(key__icontains=text) | Q(original_name__icontains=text),
        help="Part of the key or of the original name, whatever its case.",
        schema=_TEXT,
    ),
    "prefix": _filter(_text, "key__startswith", "What the key begins with, such as `products/`.", _TEXT),
    "tag": _filter(_text, "tags__name", "One of its tags.", _TEXT),
    "profile": _filter(_text, "blob__profile__icontains", "Part of the embedded ICC profile's description.", _TEXT),
    "format": _filter(_format, "blob__format", "Its format.", {"type": "string", "enum": list(FORMATS)}),
    "minWidth": _filter(_integer, "blob__width__gte", "Least width, in pixels.", _NUMBER),
    "maxWidth": _filter(_integer, "blob__width__lte", "Most width, in pixels.", _NUMBER),
    "minHeight": _filter(_integer, "blob__height__gte", "Least height, in pixels.", _NUMBER),
    "maxHeight": _filter(_integer, "blob__height__lte", "Most height, in pixels.", _NUMBER),
    "hasAlpha": _filter(_boolean, "blob__has_alpha", "Whether it may be transparent in parts.", _FLAG),
    "isSrgb": _filter(_boolean, "blob__is_srgb", "Whether its colours are those of sRGB as they stand.", _FLAG),
    "animated": Filter(
        parse=_boolean,
        narrow=lambda wanted: _MOVING if wanted else ~_MOVING,
        help="Whether it moves: a GIF or WebP of several frames.",
        schema=_FLAG,
    ),
    "createdAfter": _filter(_moment, "created_at__gte", "Stored then or later: a date or time.", _MOMENT),
    "createdBefore": _filter(_moment, "created_at__lt", "Stored before: a date or time.", _MOMENT),
}
EMPTY_IS_ALL: Final = frozenset({"search", "prefix", "tag", "profile", "format"})
"""Filters that a search form may send empty."""
OTHERS: Final = ("ordering", "limit", "offset")


def listed(query: QueryDict) -> QuerySet[Master]:
    """This will give the masters that a query asks for, in its order, or raise `BadParameter`."""
    _refuse_unknown(query)
    found = Master.objects.select_related("blob").prefetch_related("tags")
    for name, row in FILTERS.items():
        text = query.get(name)
        if text is not None and (text or name not in EMPTY_IS_ALL):
            found = found.filter(row.narrow(row.parse(name, text)))
    return found.order_by(*_ordering(query.get("ordering", DEFAULT_ORDERING)))


def _ordering(text: str) -> list[OrderBy]:
    """This will read names separated by commas, each with `-` for descending; the id decides between equals.

    Masters without a key come last either way: databases differ on where they put what is empty.
    """
    names = text.split(",")
    plain = [name.removeprefix("-") for name in names]
    if len(set(plain)) < len(plain) or not set(plain) <= set(ORDERINGS):
        raise _refusal(f"some of {', '.join(ORDERINGS)}, each once and with - for descending,", "ordering", text)
    orders = [_order(ORDERINGS[name.removeprefix("-")], descending=name.startswith("-")) for name in names]
    return [*orders, F("id").desc() if names[0].startswith("-") else F("id").asc()]


def _order(column: str, *, descending: bool) -> OrderBy:
    """Only of a key is it said where what is empty stands: of other columns that would keep PostgreSQL from its index,
    and it would sort all masters for each page."""
    last = True if column in NULLABLE else None
    return F(column).desc(nulls_last=last) if descending else F(column).asc(nulls_last=last)


def _refuse_unknown(query: QueryDict) -> None:
    """A misspelt filter that was ignored would list, or let somebody delete, everything."""
    known = [*FILTERS, *OTHERS]
    for name, values in query.lists():
        if name not in known:
            near = difflib.get_close_matches(name[:40], known, n=1, cutoff=0.6)
            meant = f": did you mean {near[0]}?" if near else "."
            raise BadParameter(f"Expected some of {', '.join(known)}, received {name[:40]!r}{meant}")
        if len(values) > 1:
            raise BadParameter(f"Expected {name} once, received it {len(values)} times.")


def _refusal(expected: str, name: str, text: str) -> BadParameter:
    return BadParameter(f"Expected {expected} for {name}, received {text[:40]!r}.")
