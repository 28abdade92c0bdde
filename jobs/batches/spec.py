"""What a batch asks of each of its masters, as one frozen value, parsed once at the edge."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from delivery.asked import read_wishes
from imgopt_client.errors import BadArgument
from imgopt_client.sources import TYPES, checked, read_formats
from pipeline.errors import BadParameter
from pipeline.params import shown
from pipeline.values import MAX_SIDE

MAX_WIDTHS = 40
NAMES = ("preset", "params", "widths", "formats")


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchSpec:
    """Without widths they are those that markup offers, without formats those that it names."""

    params: Mapping[str, str] = field(default_factory=dict)
    """Delivery parameters without `fm`; `preset` is one of them."""
    widths: tuple[int, ...] = ()
    """Pixels, exact: no ladder. One that is wider than its master is left out."""
    formats: tuple[str, ...] = ()
    """`avif`, `webp`, `jpg`, `png` or `gif`."""

    def as_json(self) -> dict[str, Any]:
        return {"params": dict(self.params), "widths": list(self.widths), "formats": list(self.formats)}


def read_spec(said: Mapping[str, Any]) -> BatchSpec:
    """This will read `preset`, `params`, `widths` and `formats`, or raise `BadParameter` for what cannot be delivered.

    >>> read_spec({"widths": "800,400", "formats": "webp"}).widths
    (400, 800)
    """
    unknown = next((name for name in said if name not in NAMES), None)
    if unknown is not None:
        raise BadParameter(f"Expected some of {', '.join(NAMES)} for a batch, received {shown(str(unknown))}.")
    params = _params(said.get("params") or {}, said.get("preset") or "")
    widths = _widths(said.get("widths") or ())
    if widths and ("w" in params or "width" in params):
        raise BadParameter("Expected the widths of a batch once: as widths, or as w among the params.")
    return BatchSpec(params=params, widths=widths, formats=_formats(said.get("formats") or ()))


def _params(said: Any, preset: Any) -> dict[str, str]:
    if not isinstance(said, Mapping) or not isinstance(preset, str):
        raise BadParameter("Expected an object of names and values for params, and a name for preset.")
    try:
        params = checked({**said, **({"preset": preset} if preset else {})})
        wishes = read_wishes(tuple(params.items()))
    except BadArgument as error:
        raise BadParameter(str(error)) from error
    if wishes.choice:
        raise BadParameter("Expected no auto among the params of a batch: nobody is there to choose.")
    return params


def _widths(said: Any) -> tuple[int, ...]:
    words = said.split(",") if isinstance(said, str) else said
    if not isinstance(words, Sequence) or len(words) > MAX_WIDTHS:
        raise BadParameter(f"Expected at most {MAX_WIDTHS} widths such as 480,800, received {shown(str(said))}.")
    return tuple(sorted({_width(word) for word in words}))


def _width(word: Any) -> int:
    text = "" if isinstance(word, bool) else str(word).strip()
    if not (text.isascii() and text.isdigit() and len(text) < 6 and 1 <= int(text) <= MAX_SIDE):
        raise BadParameter(f"Expected widths from 1 to {MAX_SIDE} pixels, received {shown(text)}.")
    return int(text)


def _formats(said: Any) -> tuple[str, ...]:
    try:
        if not isinstance(said, str) and not all(isinstance(word, str) for word in said):
            raise TypeError
        return tuple(dict.fromkeys(read_formats(said)))
    except (BadArgument, TypeError) as error:
        raise BadParameter(f"Expected formats out of {', '.join(TYPES)}, received {shown(str(said))}.") from error
