"""The names of a delivery URL's parameters, so that a slip of the pen is told to the author, not to the visitor.

What their values may be is for the service to say; a test holds this table to its own.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping

from imgopt_client.errors import BadArgument

ALIASES: Mapping[str, str] = {
    "width": "w",
    "height": "h",
    "gravity": "crop",
    "background": "bg",
    "format": "fm",
    "quality": "q",
    "brightness": "bri",
    "contrast": "con",
    "gamma": "gam",
    "saturation": "sat",
    "txt-colour": "txt-color",
    "frame": "page",
}
TRANSFORMATIONS = frozenset(
    {
        "page", "w", "h", "ar", "fit", "crop", "fp-x", "fp-y", "dpr", "enlarge", "snap", "rect", "trim", "rot", "flip",
        "bri", "con", "gam", "sat", "monochrome", "duotone", "duotone-alpha", "px", "blur", "sharp", "bg", "border",
        "mask", "corner-radius", "pad", "mark", "mark-align", "mark-alpha", "mark-scale", "mark-pad", "mark-tile",
        "txt", "txt-size", "txt-color", "txt-font", "txt-align", "txt-alpha", "txt-pad", "txt-tile", "fm", "q",
        "min-worst-tile", "max-delta-e", "max-bytes", "auto",
    }
)  # fmt: skip
DELIVERY = frozenset({"preset", "dl", "refine"})
NAMES = TRANSFORMATIONS | DELIVERY | ALIASES.keys()


def check_names(names: Iterable[str]) -> None:
    """This will raise `BadArgument` for the first name that no parameter has."""
    for name in names:
        if name not in NAMES:
            close = difflib.get_close_matches(name.lower(), NAMES, n=1)
            hint = f"; did you mean {close[0]!r}?" if close else "."
            raise BadArgument(f"Expected a parameter of a delivery URL, received {name[:40]!r}{hint}")


def plain(params: Mapping[str, str]) -> dict[str, str]:
    """This will write each name as the service's own table has it, refusing two names for one thing.

    >>> plain({"width": "300", "fit": "crop"})
    {'w': '300', 'fit': 'crop'}
    """
    named = {ALIASES.get(name, name): value for name, value in params.items()}
    if len(named) < len(params):
        twice = next(name for name in params if name in ALIASES and ALIASES[name] in params)
        raise BadArgument(f"Expected only one of {ALIASES[twice]} and {twice}, which mean the same, received both.")
    return named
