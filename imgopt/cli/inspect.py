"""`imgopt inspect FILE`: what a picture is, down to its colours."""

from __future__ import annotations

import json
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from typing import Any

from imgopt.cli import examining, single
from imgopt.cli.command import Command
from imgopt.cli.errors import FAILED, OK
from imgopt.cli.terminal import complain, say
from imgopt.cli.text import byte_text, shown
from imgopt.cli.wishes import LIMITS

TURNS = ("", "", "mirrored", "half a turn", "upside down, mirrored", "a quarter, mirrored", "a quarter to the right",
         "a quarter, mirrored", "a quarter to the left")  # fmt: skip

DESCRIPTION = """\
Tell what a picture is: format, size, bits, profile and gamut, what is lost where its profile is ignored, and which
metadata it carries. Every pixel is decoded; a picture that is damaged is told of, with status 1.
"""


def declare(parser: ArgumentParser) -> None:
    parser.add_argument("files", nargs="*", metavar="FILE")
    parser.add_argument("--json", action="store_true", help="as JSON")


def run(options: Namespace) -> int:
    path = single.one_file(options.files)
    with single.pool() as pool, single.about(path):
        single.check(path)
        facts = pool.run(examining.examine, str(path), LIMITS)
    if options.json:
        say(json.dumps({"path": str(path), **facts}, indent=2))
    else:
        for name, text in lines(facts):
            say(f"{name:<16} {text}")
    if facts["damage"]:
        complain(f"{shown(path)}: {facts['damage']}")
    return FAILED if facts["damage"] else OK


def lines(facts: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """This will give names and texts, of what there is to tell."""
    yield "format", facts["format"] + (", interlaced" if facts["interlaced"] else "")
    yield "size", f"{facts['width']} × {facts['height']} px, {facts['megapixels']:g} megapixels"
    if TURNS[facts["orientation"]]:
        yield "orientation", f"{facts['orientation']}: shown after {TURNS[facts['orientation']]}"
    if facts["pages"] > 1:
        yield "frames" if facts["animated"] else "pages", str(facts["pages"])
    yield "file", f"{byte_text(facts['bytes'])}, {facts['bits_per_pixel']:g} bits a pixel"
    yield "SHA-256", facts["sha256"]
    yield "samples", _samples(facts)
    yield "profile", _profile(facts["profile"])
    if "colour" in facts:
        yield from _colour(facts)
    yield "metadata", _metadata(facts["metadata"])
    if facts["metadata"].get("camera"):
        yield "camera", facts["metadata"]["camera"]
    if facts.get("palette"):
        yield "palette", " ".join(facts["palette"])


def _samples(facts: dict[str, Any]) -> str:
    parts = [f"{facts['bit_depth']} bits", facts["colour_space"]]
    if facts["alpha"]:
        parts.append("alpha")
    if facts["chroma_subsampling"]:
        parts.append(f"chroma {facts['chroma_subsampling']}")
    return ", ".join(parts)


def _profile(profile: dict[str, Any]) -> str:
    means = "sRGB by its numbers" if profile["is_srgb"] else "not sRGB"
    if not profile["description"]:
        return "none: counts as sRGB" if profile["is_srgb"] else "none that can be named"
    return f"{profile['description']} ({means})"


def _colour(facts: dict[str, Any]) -> Iterator[tuple[str, str]]:
    colour = facts["colour"]
    if colour["gamut"]:
        yield "gamut", f"{colour['gamut']['name'] or 'of its own'}, {colour['gamut']['area']:.2f} × the area of sRGB"
    if not facts["profile"]["is_srgb"]:
        yield "beyond sRGB", f"{100 * colour['outside_srgb']:.1f} % of the pixels"
        ignored = colour["ignored"]
        figures = ", ".join(f"{ignored[name]:.2f} {word}" for name, word in WORDS)
        yield "profile ignored", f"ΔE00 {figures}"


WORDS = (("mean", "mean"), ("p95", "95th percentile"), ("p99", "99th percentile"))


def _metadata(metadata: dict[str, Any]) -> str:
    sizes = metadata.get("bytes", {})
    parts = [f"{kind.upper()} {byte_text(size)}" for kind, size in sizes.items()]
    parts += ["a GPS position"] if metadata.get("gps") else []
    parts += ["a thumbnail"] if metadata.get("thumbnail") else []
    return ", ".join(parts) or "none"


COMMAND = Command(
    names=("inspect",),
    summary="tell what a picture is: size, profile, gamut, metadata",
    description=DESCRIPTION,
    declare=declare,
    run=run,
)
