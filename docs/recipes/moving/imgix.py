from __future__ import annotations

from urllib.parse import parse_qsl, unquote, urlsplit

from . import decoded, reference_of

SAME = frozenset(
    """
    w h ar fit fp-x fp-y dpr rect rot flip blur sharp pad bg fm q px bri con sat gam monochrome duotone duotone-alpha
    mask corner-radius border page frame mark-align mark-alpha mark-scale mark-pad mark-tile txt txt-size txt-color
    txt-align txt-pad txt-font dl expires
    """.split()  # noqa: SIM905
)
IDLE = frozenset({"s", "ixlib", "ixid", "auto", "cs", "chromasub", "lossless", "fp-debug"})
"""Signed anew; the libraries' names; format and compression, sRGB and the encoder's options happen anyway."""
CROPS = {"faces": "attention", "edges": "entropy"}
SIDES = frozenset({"top", "bottom", "left", "right"})


def from_imgix(url: str, origin: str = "") -> tuple[str, dict[str, str]]:
    """`https://site.imgix.net/a/b.jpg?w=400&fit=crop&s=…`"""
    parts = urlsplit(url)
    params: dict[str, str] = {}
    for name, value in parse_qsl(parts.query, keep_blank_values=True):
        if name.endswith("64"):
            name, value = name.removesuffix("64"), decoded(value)
        if name == "trim":
            params.setdefault("trim", "auto")
        elif name == "trim-tol":
            params["trim"] = value
        elif name == "crop":
            words = value.split(",")
            params["crop"] = value if SIDES.issuperset(words) else CROPS.get(words[0], words[0])
        elif name in ("w", "h") and "." in value:
            raise ValueError(f"{name}={value}, a share of the original, is not here: ask for pixels")
        elif (name, value) in (("fit", "clamp"), ("fit", "facearea")):
            raise ValueError(f"{name}={value} is not here")
        elif name == "mark":
            params["mark"] = reference_of(unquote(urlsplit(value).path), origin)
        elif name in SAME:
            params[name] = value
        elif name not in IDLE:
            raise ValueError(f"{name} is not here")
    return reference_of(unquote(parts.path), origin), params
