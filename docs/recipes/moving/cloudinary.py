from __future__ import annotations

import re
from urllib.parse import unquote, urlsplit

from . import reference_of

SIGNATURE_OR_VERSION = re.compile(r"s--[\w-]+--|v\d+")
TRANSFORMATION = re.compile(r"[a-z]{1,3}_[^,]+(,[a-z]{1,3}_[^,]+)*")

FITS = {
    "scale": {"fit": "scale", "enlarge": "1"},
    "fit": {"fit": "clip", "enlarge": "1"},
    "limit": {"fit": "max"},
    "fill": {"fit": "crop", "enlarge": "1"},
    "lfill": {"fit": "min"},
    "pad": {"fit": "fill", "enlarge": "1"},
    "lpad": {"fit": "fillmax"},
    "thumb": {"fit": "crop", "enlarge": "1", "crop": "attention"},
    "auto": {"fit": "crop", "enlarge": "1", "crop": "attention"},
}
SAME = {
    "w": "w", "h": "h", "ar": "ar", "dpr": "dpr", "q": "q", "f": "fm", "t": "preset", "pg": "page", "e_blur": "blur",
    "e_pixelate": "px", "e_brightness": "bri", "e_contrast": "con", "e_saturation": "sat", "e_gamma": "gam",
}  # fmt: skip
DEFAULTS = {"e_blur": "100", "e_pixelate": "5", "e_brightness": "80", "e_saturation": "80", "e_trim": "auto"}
TURNS = {"hflip": ("flip", "h"), "vflip": ("flip", "v")}
PLACES = {"center": "centre"} | {
    place: place.replace("_", "")
    for place in "north north_east east south_east south south_west west north_west".split()  # noqa: SIM905
}
IDLE = frozenset({"f_auto", "q_auto", "fl_progressive", "fl_lossy", "fl_strip_profile"})


def from_cloudinary(url: str, origin: str = "") -> tuple[str, dict[str, str]]:
    """`https://res.cloudinary.com/cloud/image/upload/c_fill,w_400,h_300/v1/a/b.jpg`"""
    _cloud, kind, delivery, *segments = urlsplit(url).path.strip("/").split("/")
    if (kind, delivery) != ("image", "upload"):
        raise ValueError(f"{kind}/{delivery} is not here: only image/upload")
    asked: dict[str, str] = {}
    while segments and (SIGNATURE_OR_VERSION.fullmatch(segments[0]) or TRANSFORMATION.fullmatch(segments[0])):
        segment = segments.pop(0)
        for part in [] if SIGNATURE_OR_VERSION.fullmatch(segment) else segment.split(","):
            name, _, value = part.partition("_")
            if name == "e":
                effect, _, value = value.partition(":")
                name = f"e_{effect}"
            if name in asked:
                raise ValueError(f"{name} stands twice: a chain of steps is not here, the order of the work is fixed")
            asked[name] = value
    return reference_of(unquote("/".join(segments)), origin), _params(asked)


def _params(asked: dict[str, str]) -> dict[str, str]:
    mode = asked.pop("c", "scale")
    params: dict[str, str] = {}
    if mode == "crop":
        rect = [asked.pop(name, "0") for name in ("x", "y", "w", "h")]
        params["rect"] = ",".join(rect)
    elif mode not in FITS:
        raise ValueError(f"c_{mode} is not here")
    elif {"w", "h"} <= asked.keys() or "ar" in asked:
        params |= FITS[mode]
    for name, value in asked.items():
        if f"{name}_{value.split(':')[0]}" not in IDLE:
            params |= _said(name, value)
    return params


def _said(name: str, value: str) -> dict[str, str]:
    if name == "a":
        key, turn = TURNS.get(value) or ("rot", str(-int(value) % 360))  # theirs is clockwise
        return {key: turn}
    if name == "g":
        return {"crop": PLACES.get(value, "attention")}
    if name == "b":
        return {"bg": value.removeprefix("rgb:")}
    if name == "bo":
        width, _solid, colour = value.split("_", 2)
        return {"border": f"{width.removesuffix('px')},{colour.removeprefix('rgb:')}"}
    if name == "r":
        return {"mask": "ellipse"} if value == "max" else {"mask": "corners", "corner-radius": value.replace(":", ",")}
    if name == "fl" and value.startswith("attachment"):
        return {"dl": value.partition(":")[2] or "image"}
    if name == "e_grayscale":
        return {"sat": "-100"}
    if name == "e_trim":
        return {"trim": value or DEFAULTS[name]}
    if name in SAME:
        return {SAME[name]: value.removesuffix(".0") or DEFAULTS.get(name, "")}
    raise ValueError(f"{name} is not here")
