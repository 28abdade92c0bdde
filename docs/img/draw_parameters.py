"""Draws the pictures of docs/parameters-gallery.md and writes that page: `python -m docs.img.draw_parameters [NAME …]`.

Each strip is what the service's own pipeline makes of a demo master. With names, only those are drawn.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import numpy as np
import pyvips

from docs.img.parameter_recipes import RECIPES, UNSEEN, Recipe
from imgopt.demo import draw_harbour, draw_poppies
from pipeline.ladder import DEFAULT_LADDER, resolve
from pipeline.limits import Limits
from pipeline.parameters import PARAMETERS
from pipeline.params import parse
from pipeline.render import RenderRequest, render
from pipeline.spec import TransformSpec

HERE = Path(__file__).parent / "parameters"
PAGE = Path(__file__).parents[1] / "parameters-gallery.md"
RECORD = HERE / "drawn.json"
MOST_BYTES = 7000
"""Of a strip; with 60 parameters the folder stays below 400 kB."""
GAP = 6
LEAST_DIFFERENCE = 0.2
"""Mean difference of two neighbours, of 255, below which a strip shows nothing; small watermarks are near 0.5."""

INTRODUCTION = """# Gallery

A picture for every parameter, made by the service itself from masters that code draws. What each accepts, exactly, is
in [parameters](parameters.md). Below a strip stands what was asked for, from left to right; – is the picture without
the parameter.

This page and its pictures are made by `docs/img/draw_parameters.py`.
"""


class Missing(Exception):
    """A parameter has neither a recipe nor an explanation, or the other way round."""


def main() -> None:
    refuse_gaps()
    HERE.mkdir(exist_ok=True)
    record = json.loads(RECORD.read_text("utf-8")) if RECORD.exists() else {}
    names = sys.argv[1:] or list(RECIPES)
    for name in names:
        picture = draw(name, RECIPES[name])
        (HERE / f"{name}.webp").write_bytes(picture)
        record[name] = {"recipe": fingerprint(RECIPES[name]), "sha256": hashlib.sha256(picture).hexdigest()}
        print(f"{name:16} {len(picture):6} bytes")  # noqa: T201
    for stale in {file.stem for file in HERE.glob("*.webp")} - set(RECIPES):
        (HERE / f"{stale}.webp").unlink()
    record = {name: record[name] for name in RECIPES if name in record}
    RECORD.write_text(json.dumps(record, indent=1) + "\n", "utf-8")
    PAGE.write_text(page(), "utf-8")


def refuse_gaps() -> None:
    """This will name the parameters without a recipe, and the recipes without a parameter."""
    names, told = {row.name for row in PARAMETERS}, {*RECIPES, *UNSEEN}
    if names - told:
        raise Missing(
            f"Expected a recipe in docs/img/parameter_recipes.py (or a sentence in UNSEEN) for each parameter, "
            f"received none for {', '.join(sorted(names - told))}."
        )
    if told - names:
        raise Missing(f"Expected recipes of parameters only, received {', '.join(sorted(told - names))}.")


def fingerprint(recipe: Recipe) -> str:
    return f"{recipe.master}: {recipe.common}: {' | '.join(recipe.asked)}"


def draw(name: str, recipe: Recipe) -> bytes:
    cells = [cell(asked, recipe) for asked in recipe.asked]
    for first, second in pairwise(cells):
        same_size = (first.width, first.height) == (second.width, second.height)
        if same_size and (first - second).abs().avg() < LEAST_DIFFERENCE:
            raise ValueError(f"Expected {name} to show a difference between {recipe.asked}, received none.")
    return encoded(joined(cells))


def cell(asked: str, recipe: Recipe) -> Any:
    """This will give one result as sRGB pixels with alpha."""
    pairs = dict(parse_qsl(recipe.common)) | dict(parse_qsl(asked))
    spec = parse(pairs.items())
    resolved = resolve(spec, DEFAULT_LADDER)
    kind = resolved.format or "png"
    request = RenderRequest(spec=replace(resolved, format=kind), format=kind, mark=watermark(resolved), limits=Limits())
    image = pyvips.Image.new_from_buffer(render(master(recipe.master), request).body, "")
    return image.copy_memory() if image.hasalpha() else image.bandjoin(255)


def watermark(spec: TransformSpec) -> bytes | None:
    """Its bytes, as delivery hands them over beside the spec."""
    return master(spec.mark) if spec.mark else None


def joined(cells: list[Any]) -> Any:
    height = max(image.height for image in cells)
    row = None
    for image in cells:
        below = image.embed(0, height - image.height, image.width, height, background=[0, 0, 0, 0])
        if row is None:
            row = below
        else:
            spaced = row.embed(0, 0, row.width + GAP, height, background=[0, 0, 0, 0])
            row = spaced.join(below, "horizontal")
    return row


def encoded(image: Any) -> bytes:
    """This will give the best WebP that is small enough."""
    for quality in (88, 80, 70, 60, 45, 30, 15):
        body = bytes(image.webpsave_buffer(Q=quality, keep="none", effort=6, alpha_q=60))
        if len(body) <= MOST_BYTES:
            break
    return body


def page() -> str:
    """This will give the gallery's text."""
    return INTRODUCTION + "".join(entry(row.name, row.meaning) for row in PARAMETERS)


def entry(name: str, meaning: str) -> str:
    heading = f"\n## `{name}`\n\n{meaning}\n\n"
    if name in UNSEEN:
        return f"{heading}{UNSEEN[name]}\n"
    asked = [f"`{text}`" if text else "–" for text in RECIPES[name].asked]
    plain = ", ".join(text or "without" for text in RECIPES[name].asked)
    return f"{heading}![{name}: {plain}](img/parameters/{name}.webp)\n\n{' · '.join(asked)}\n"


@cache
def master(name: str) -> bytes:
    return MASTERS[name]()


def reduced(data: bytes, width: int) -> Any:
    image = pyvips.Image.new_from_buffer(data, "").icc_transform("srgb", embedded=True)
    return image.resize(width / image.width)


def harbour() -> bytes:
    return as_png(reduced(draw_harbour(), 1200))


def poppies() -> bytes:
    return as_png(reduced(draw_poppies(), 1200))


def small() -> bytes:
    """75 px wide, so that 150 px enlarge it."""
    return as_png(reduced(draw_harbour(), 75))


def framed() -> bytes:
    """With a white border, as scans have it."""
    image = reduced(draw_poppies(), 500)
    return as_png(image.embed(60, 40, image.width + 120, image.height + 80, extend="white"))


def pages() -> bytes:
    """A TIFF of three pages."""
    both = [reduced(data, 300) for data in (draw_harbour(), draw_poppies())]
    stack = pyvips.Image.arrayjoin([*both, both[0].fliphor()], across=1)
    return bytes(stack.tiffsave_buffer(page_height=both[0].height, compression="deflate"))


def badge() -> bytes:
    """A ring on nothing: transparent outside and in the middle, its edge smooth."""
    y, x = np.mgrid[-200:200, -200:200] + 0.5
    radius = np.hypot(x, y)
    alpha = np.clip(180 - radius, 0, 1) * np.clip(radius - 95, 0, 1)
    red = 200 + 40 * (x / 200)
    pixels = np.stack([red, 90 + 60 * (y / 200), np.full_like(x, 60), 255 * alpha], axis=2).astype(np.uint8)
    return as_png(pyvips.Image.new_from_array(pixels).copy(interpretation="srgb"))


def as_png(image: Any) -> bytes:
    return bytes(image.pngsave_buffer(keep="none"))


MASTERS: Mapping[str, Callable[[], bytes]] = {
    "harbour": harbour,
    "poppies": poppies,
    "small": small,
    "framed": framed,
    "pages": pages,
    "badge": badge,
}


if __name__ == "__main__":
    main()
