"""The one parser from a URL's decoded (name, value) pairs to a `TransformSpec`, and its one canonical text.

The names, readers and writers are rows of `parameters.PARAMETERS`. Delivery's own parameters (`s`, `expires`, `v`) are
taken away before.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

from pipeline.errors import BadParameter
from pipeline.parameters import BY_NAME, PARAMETERS, Parameter
from pipeline.spec import TransformSpec

__all__ = ["PARAMETERS", "canonical", "parse", "shown"]

MAX_SHOWN_LENGTH = 40

_WRITTEN = tuple(sorted((row for row in PARAMETERS if row.field), key=lambda row: row.name))
_DEFAULT = TransformSpec()
_UNESCAPED = ":,/@"
"""Plain in a query (RFC 3986, 3.4), and the text is read by people too."""


def parse(pairs: Iterable[tuple[str, str]]) -> TransformSpec:
    """This will read decoded pairs into a spec, whatever their order.

    >>> parse([("w", "400"), ("h", "300"), ("fit", "cover")]) == TransformSpec(width=400, height=300, fit="crop")
    True

    Raises BadParameter with one sentence for the first pair that is unknown, repeated, empty or out of range.
    """
    read: dict[str, Any] = {}
    said: dict[str, str] = {}
    for name, text in pairs:
        row = BY_NAME.get(name)
        if row is None:
            raise BadParameter(_unknown(name))
        if row.name in said:
            raise BadParameter(_repeated(said[row.name], name))
        said[row.name] = name
        read[row.name] = _read(row, name, text)
    return _assemble(read)


def canonical(spec: TransformSpec) -> str:
    """This will give the spec's one text: names sorted, defaults left out, values percent-encoded.

    It is a query: split and decoded, `parse` reads it back to the same spec.

    >>> canonical(TransformSpec(width=400, height=300, fit="crop", gravity="north"))
    'crop=north&fit=crop&h=300&w=400'
    >>> canonical(TransformSpec(text="Salt & pepper"))
    'txt=Salt%20%26%20pepper'
    """
    said = ((row, getattr(spec, row.field)) for row in _WRITTEN)
    return "&".join(
        f"{row.name}={quote(row.write(value), safe=_UNESCAPED)}"
        for row, value in said
        if value != getattr(_DEFAULT, row.field)
    )


def shown(text: str) -> str:
    """This will give a stranger's text as a message may repeat it: quoted, at most 40 characters, none unprintable.

    >>> shown("1" * 10_000)
    "'1111111111111111111111111111111111111111…' (10000 characters)"
    """
    if not text:
        return "nothing"
    head = "".join(character if character.isprintable() else "�" for character in text[:MAX_SHOWN_LENGTH])
    return f"'{head}'" if len(text) <= MAX_SHOWN_LENGTH else f"'{head}…' ({len(text)} characters)"


def _read(row: Parameter, name: str, text: str) -> object:
    try:
        # Every reader refuses the empty text, and never sees a long one.
        return row.read(text if len(text) <= row.longest else "")
    except (ValueError, LookupError) as error:
        raise BadParameter(f"Expected {row.accepts} for {name}, received {shown(text)}.") from error


def _assemble(read: dict[str, Any]) -> TransformSpec:
    fields = {row.field: read[row.name] for row in _WRITTEN if row.name in read}
    if "fit" in read:
        fields["fit"], may_enlarge = read["fit"]
        fields["enlarge"] = may_enlarge and read.get("enlarge", False)
    if "fp-x" in read or "fp-y" in read:
        if read.get("crop", "focal") != "focal":
            raise BadParameter(f"Expected crop=focalpoint or no crop for fp-x and fp-y, received '{read['crop']}'.")
        fields |= {"focal_x": read.get("fp-x", 0.5), "focal_y": read.get("fp-y", 0.5)}
    spec = TransformSpec(**fields)
    if isinstance(spec.quality, int) and (spec.min_worst_tile, spec.max_delta_e) != (None, None):
        raise BadParameter(f"Expected q=auto or no q with min-worst-tile and max-delta-e, received q={spec.quality}.")
    return spec


def _repeated(first: str, second: str) -> str:
    if first == second:
        return f"Expected {first} once, received it twice."
    return f"Expected only one of {first} and {second}, which mean the same, received both."


def _unknown(name: str) -> str:
    sentence = f"Expected a known parameter, received {shown(name)}"
    close = difflib.get_close_matches(name.lower(), BY_NAME, n=1) if len(name) <= MAX_SHOWN_LENGTH else []
    return f"{sentence}; did you mean '{close[0]}'?" if close else f"{sentence}."
