"""What a client of the job API asks for: strict JSON, keys in any case, parsed once into frozen values.

As in the program whose API this is, a key that is unknown is ignored, of keys that differ only in their case the last
one counts, and `null` is as good as nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NoReturn

from pipeline.errors import BadParameter, ImgoptError
from pipeline.export import read_format
from pipeline.params import shown

MAX_DIMENSION: Final = 1_000_000
MAX_EXTRA_LENGTH: Final = 10_000
"""Characters of an option's `extra`: it is kept and told again, and means nothing here."""


class BadBody(ImgoptError):
    """The body is not the JSON that it must be."""

    code = "bad_request"


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One copy that is asked for; see `pipeline.export`."""

    format: str | None = None
    max_dimension: int = 0
    quality: int | None = None
    keep_metadata: bool = False
    said: Mapping[str, Any]
    """The same in the API's words, as far as it was said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    original_id: str
    options: tuple[Option, ...]


def read(body: bytes, *, most_options: int) -> Asked:
    """This will read a request's body.

    >>> asked = read(b'{"OriginalID": "x", "options": [{"MaxDimension": 9}]}', most_options=5)
    >>> asked.original_id, asked.options[0].max_dimension
    ('x', 9)

    Raises `BadBody` or `BadParameter`, both with one sentence.
    """
    if not body.strip():
        raise BadBody("request body is empty")
    document = _parsed(body)
    if not isinstance(document, dict):
        raise BadBody(f"Expected a JSON object with originalID and options, received {_kind(document)}.")
    said = _by_name(document, ("originalID", "options"))
    original_id, options = said.get("originalID"), said.get("options") or []
    if not isinstance(original_id, str) or not original_id:
        raise BadParameter(f"Expected the id of an image for originalID, received {_kind(original_id)}.")
    if not isinstance(options, list):
        raise BadParameter(f"Expected a list for options, received {_kind(options)}.")
    if not 1 <= len(options) <= most_options:
        raise BadParameter(f"Expected 1 to {most_options} options, received {len(options) or 'none'}.")
    return Asked(original_id=original_id, options=tuple(read_option(option) for option in options))


def read_option(document: Any) -> Option:
    """This will read one option, or raise `BadParameter`."""
    if not isinstance(document, dict):
        raise BadParameter(f"Expected an object for each of the options, received {_kind(document)}.")
    said = _by_name(document, ("format", "maxDimension", "quality", "keepMetadata", "extra"))
    if "format" in said:
        if not isinstance(said["format"], str):
            raise BadParameter(f"Expected a text for format, received {_kind(said['format'])}.")
        said["format"] = read_format(said["format"])
    return Option(
        format=said.get("format"),
        max_dimension=_whole(said, "maxDimension", 0, MAX_DIMENSION) or 0,
        quality=_whole(said, "quality", 1, 100),
        keep_metadata=_keeps(said),
        said={**said, **_extra(said)},
    )


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body.decode(), object_pairs_hook=_last_counts, parse_constant=_no_number)
    except UnicodeDecodeError as error:
        raise BadBody("Expected JSON in UTF-8, received other bytes.") from error
    except RecursionError as error:
        raise BadBody("Expected JSON that is not nested so deep.") from error
    except json.JSONDecodeError as error:
        raise BadBody(f"Expected JSON, received something else in line {error.lineno}: {error.msg}.") from error
    except ValueError as error:  # such as a number of 5,000 digits
        raise BadBody("Expected JSON with numbers that can be.") from error


def _last_counts(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Unlike `dict`, which leaves a repeated key in its first place."""
    found: dict[str, Any] = {}
    for name, value in pairs:
        found.pop(name, None)
        found[name] = value
    return found


def _no_number(word: str) -> NoReturn:
    raise ValueError(word)  # NaN and Infinity, which Python reads and JSON does not have


def _by_name(document: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """This will give what was said of these names, under the names as we write them."""
    known = {name.lower(): name for name in names}
    found: dict[str, Any] = {}
    for key, value in document.items():
        name = known.get(key.lower())
        if name is not None:
            found.pop(name, None)
            if value is not None:
                found[name] = value
    return {name: found[name] for name in names if name in found}


def _whole(said: Mapping[str, Any], name: str, low: int, high: int) -> int | None:
    value = said.get(name)
    if value is None:
        return None
    if type(value) is not int:  # True is an int, and 80.0 a float
        raise BadParameter(f"Expected a whole number from {low} to {high} for {name}, received {_kind(value)}.")
    if not low <= value <= high:
        raise BadParameter(f"Expected a whole number from {low} to {high} for {name}, received {shown(str(value))}.")
    return value


def _keeps(said: Mapping[str, Any]) -> bool:
    value = said.get("keepMetadata", False)
    if not isinstance(value, bool):
        raise BadParameter(f"Expected true or false for keepMetadata, received {_kind(value)}.")
    return value


def _extra(said: Mapping[str, Any]) -> dict[str, Any]:
    """PostgreSQL keeps no NUL in a text, nor half of a surrogate pair."""
    if "extra" not in said:
        return {}
    extra = said["extra"]
    if not isinstance(extra, dict):
        raise BadParameter(f"Expected an object for extra, received {_kind(extra)}.")
    try:
        text = json.dumps(extra, ensure_ascii=False, allow_nan=False)
        text.encode()
    except ValueError as error:
        raise BadParameter("Expected texts and numbers that can be in extra.") from error
    if len(text) > MAX_EXTRA_LENGTH or "\\u0000" in text:
        raise BadParameter(f"Expected at most {MAX_EXTRA_LENGTH} characters without NUL for extra.")
    return {"extra": extra}


def _kind(value: object) -> str:
    """This will name what a JSON value is, for a sentence."""
    if isinstance(value, str):
        return shown(value) if value else "an empty text"
    names = {bool: "true or false", int: "a number", float: "a number", list: "a list", dict: "an object"}
    return names.get(type(value), "nothing")
