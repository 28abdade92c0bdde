from __future__ import annotations

from urllib.parse import unquote, urlsplit

from . import decoded, reference_of

LONG = {
    "rs": "resize", "s": "size", "rt": "resizing_type", "w": "width", "h": "height", "el": "enlarge", "ex": "extend",
    "g": "gravity", "t": "trim", "pd": "padding", "rot": "rotate", "bg": "background", "bl": "blur", "pix": "pixelate",
    "q": "quality", "mb": "max_bytes", "f": "format", "ext": "format", "pr": "preset", "exp": "expires",
    "pg": "page", "sm": "strip_metadata", "scp": "strip_color_profile", "ar": "auto_rotate", "cb": "cachebuster",
}  # fmt: skip
SAME = {
    "width": "w", "height": "h", "dpr": "dpr", "trim": "trim", "padding": "pad", "background": "bg", "pixelate": "px",
    "quality": "q", "max_bytes": "max-bytes", "format": "fm", "preset": "preset", "expires": "expires",
}  # fmt: skip
IDLE = frozenset({"strip_metadata", "strip_color_profile", "auto_rotate", "cachebuster"})
"""What happens anyway; the cache is told by `v=`."""
FITS = {"": {}, "fit": {}, "fill": {"fit": "crop"}, "fill-down": {"fit": "min"}, "force": {"fit": "scale"}}
SWITCHES = {"enlarge": {"enlarge": "1"}, "extend": {"fit": "fill"}}
PLACES = {
    "no": "north", "noea": "northeast", "ea": "east", "soea": "southeast", "so": "south", "sowe": "southwest",
    "we": "west", "nowe": "northwest", "ce": "centre", "sm": "attention",
}  # fmt: skip


def from_imgproxy(url: str, origin: str = "") -> tuple[str, dict[str, str]]:
    """`https://img.example.com/signature/rs:fill:400:300/g:sm/plain/https://shop.example.com/a/b.jpg@webp`"""
    rest = urlsplit(url).path.strip("/").partition("/")[2]
    options, plain, source = rest.partition("plain/")
    if plain:
        source, _, extension = unquote(source).partition("@")
    else:
        segments = rest.split("/")
        said = [segment for segment in segments if ":" in segment]
        options = "/".join(said)
        encoded, _, extension = "".join(segments[len(said) :]).partition(".")
        source = decoded(encoded)
    params: dict[str, str] = {}
    for option in filter(None, options.split("/")):
        name, *values = option.split(":")
        params |= _said(LONG.get(name, name), values)
    if extension:
        params["fm"] = extension
    return reference_of(urlsplit(source).path, origin), params


def _said(name: str, values: list[str]) -> dict[str, str]:
    first = values[0] if values else ""
    if name == "resize":
        return _said("resizing_type", values[:1]) | _said("size", values[1:])
    if name == "size":
        sides = {side: value for side, value in zip("wh", values, strict=False) if value not in ("", "0")}
        return sides | _said("enlarge", values[2:3]) | _said("extend", values[3:4])
    if name in SWITCHES:
        return SWITCHES[name] if first in ("1", "t", "true") else {}
    if name == "resizing_type" and first in FITS:
        return FITS[first]
    if name == "gravity" and first == "fp":
        return {"fp-x": values[1], "fp-y": values[2]}
    if name == "gravity" and first in PLACES and not any(float(offset) for offset in values[1:]):
        return {"crop": PLACES[first]}
    if name == "rotate":
        return {"rot": str(-int(first) % 360)}  # theirs is clockwise
    if name == "page":
        return {"page": str(int(first) + 1)}  # theirs begin with 0
    if name == "blur":
        return {"blur": str(round(float(first) * 10))}
    if name == "background" and len(values) == 3:
        return {"bg": "".join(f"{int(value):02x}" for value in values)}
    if name in SAME and len(set(values)) == 1:
        return {SAME[name]: first}
    if name in IDLE:
        return {}
    raise ValueError(f"{':'.join([name, *values])} is not here")
