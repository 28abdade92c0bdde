from __future__ import annotations

import re
from urllib.parse import unquote, urlsplit

from . import reference_of

RECT = re.compile(r"(\d+)x(\d+):(\d+)x(\d+)")
SIZE = re.compile(r"(-?)(\d*)x(-?)(\d*)")
SAME = {
    "quality": "q", "format": "fm", "brightness": "bri", "contrast": "con", "max_bytes": "max-bytes", "rotate": "rot",
    "background_color": "bg",
}  # fmt: skip
IDLE = frozenset({"strip_exif", "strip_icc", "srgb", "autojpg"})
"""What happens anyway."""


def from_thumbor(url: str, origin: str = "") -> tuple[str, dict[str, str]]:
    """`https://thumbor.example.com/signature/fit-in/400x300/left/smart/filters:quality(80)/a/b.jpg`"""
    segments = urlsplit(url).path.strip("/").split("/")[1:]
    params: dict[str, str] = {}
    fit = "crop"
    places: list[str] = []
    while segments:
        word = segments[0]
        if word in ("fit-in", "full-fit-in"):
            fit = {"fit-in": "clip", "full-fit-in": "outside"}[word]
        elif word in ("left", "right", "top", "bottom", "center", "middle", "smart"):
            places.append(word)
        elif word == "trim" or word.startswith("trim:"):
            params["trim"] = word.split(":")[2] if word.count(":") == 2 else "auto"
        elif match := RECT.fullmatch(word):
            left, top, right, bottom = map(int, match.groups())
            params["rect"] = f"{left},{top},{right - left},{bottom - top}"
        elif match := SIZE.fullmatch(word):
            sides = {"w": match[2].lstrip("0"), "h": match[4].lstrip("0")}
            flip = ("h" if match[1] else "") + ("v" if match[3] else "")
            params |= {name: value for name, value in {**sides, "flip": flip}.items() if value}
        elif word.startswith("filters:"):
            while not segments[0].endswith(")"):  # an argument may have slashes
                segments[:2] = ["/".join(segments[:2])]
            for name, arguments in re.findall(r"(\w+)\(([^)]*)\)", segments[0]):
                params |= _said(name, [argument.strip() for argument in arguments.split(",")])
        else:
            break
        segments.pop(0)
    return reference_of(unquote("/".join(segments)), origin), _boxed(params, fit, places)


def _boxed(params: dict[str, str], fit: str, places: list[str]) -> dict[str, str]:
    """A box is filled, and the picture enlarged for it, unless the URL says otherwise."""
    may_enlarge = params.pop("enlarge", "1" if fit == "crop" else "0")
    if "w" in params and "h" in params:
        params = {"fit": fit} | params
        place = ",".join(word for word in places if word not in ("center", "middle", "smart"))
        if "smart" in places or place:
            params["crop"] = "attention" if "smart" in places else place
    return params | ({"enlarge": "1"} if may_enlarge == "1" else {})


def _said(name: str, arguments: list[str]) -> dict[str, str]:
    first = arguments[0]
    if name in SAME:
        return {SAME[name]: first}
    if name == "blur":
        return {"blur": str(round(float(arguments[-1]) * 10))}
    if name == "grayscale":
        return {"sat": "-100"}
    if name == "saturation":
        return {"sat": str(round(float(first) * 100) - 100)}
    if name == "fill":
        return {"fit": "fill", "bg": first}
    if name == "round_corner":
        return {"mask": "corners", "corner-radius": first.split("|")[0]}
    if name in ("upscale", "no_upscale"):
        return {"enlarge": "1" if name == "upscale" else "0"}
    if name in IDLE:
        return {}
    raise ValueError(f"filters:{name} is not here")
