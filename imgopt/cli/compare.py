"""`imgopt compare A B`: every score of B against A, and maps of where they differ."""

from __future__ import annotations

import json
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from imgopt.cli import examining, files, single
from imgopt.cli.command import Command
from imgopt.cli.errors import OK, UsageError
from imgopt.cli.terminal import say
from imgopt.cli.text import byte_text, saved_text, shown
from imgopt.cli.wishes import LIMITS
from pipeline import child
from pipeline.errors import BadParameter
from pipeline.quality.metrics import METRICS, read_metric

DESCRIPTION = """\
Measure picture B against picture A: both upright, in sRGB, of one size. Prints every score, and writes two maps as PNG
into --out, called as B with .ssim.png and .delta-e.png: where structure was lost (black for none, white for an SSIM of
0.5 and below) and where colours are off (white for a ΔE00 of 10 and above).
"""

LABELS: Final = (
    ("ssim", "SSIM", "{:.6f}", "1 for equal pictures"),
    ("worst_tile", "worst tile", "{:.6f}", "lowest mean SSIM of a tile of 64 px"),
    ("psnr", "PSNR", "{:.2f} dB", ""),
    ("rmse", "RMSE", "{:.3f}", "in steps of 0..255"),
    ("delta_e_mean", "ΔE00", "{:.3f}", "mean; about 1 can just be seen"),
    ("delta_e_p95", "", "{:.3f}", "95th percentile"),
    ("delta_e_p99", "", "{:.3f}", "99th percentile"),
    ("chroma_delta_e", "chroma ΔE00", "{:.3f}", "worst tile of 64 px, without lightness"),
)


def declare(parser: ArgumentParser) -> None:
    parser.add_argument("files", nargs="*", metavar="A B")
    parser.add_argument("--out", metavar="DIR", default=".", help="folder of the maps; default: the current one")
    parser.add_argument("--no-maps", action="store_true", help="print the scores and write nothing")
    parser.add_argument("--json", action="store_true", help="as JSON")
    parser.add_argument(
        "--metric",
        action="append",
        default=[],
        metavar="NAME",
        help=f"a further metric, out of {', '.join(METRICS)}; may be repeated",
    )


def run(options: Namespace) -> int:
    if len(options.files) != 2:
        raise UsageError(f"Expected two files, received {len(options.files) or 'none'}.")
    reference, result = (Path(path) for path in options.files)
    also = _metrics(options.metric)
    targets = {} if options.no_maps else _targets(reference, result, Path(options.out))
    with single.pool() as pool:
        sizes = []
        for path in (reference, result):
            with single.about(path):
                sizes.append(single.check(path).st_size)
                pool.run(child.header_task, str(path), LIMITS)
        made = pool.run(examining.compare, str(reference), str(result), LIMITS, not options.no_maps, also)
    for name, target in targets.items():
        files.make_folder(target.parent)
        files.write_whole(target, made.maps[name])
    if options.json:
        say(json.dumps(_plain(reference, result, sizes, made, targets), indent=2))
    else:
        for line in _lines(sizes, made, targets):
            say(line)
    return OK


def _metrics(names: list[str]) -> tuple[str, ...]:
    try:
        return tuple(dict.fromkeys(read_metric(name) for name in names))
    except BadParameter as error:
        raise UsageError(error.message) from error


def _targets(reference: Path, result: Path, out: Path) -> dict[str, Path]:
    """This will name the maps, none of them as one of the pictures."""
    targets = {name: out / f"{result.name}.{name}.png" for name in ("ssim", "delta-e")}
    for target in targets.values():
        if files.places(target) & (files.places(reference) | files.places(result)):
            raise UsageError(f"Expected another folder for the maps: {shown(target)} is one of the pictures.")
    return targets


def _plain(
    reference: Path, result: Path, sizes: list[int], made: examining.Comparison, targets: dict[str, Path]
) -> dict[str, Any]:
    return {
        "reference": {"path": str(reference), "bytes": sizes[0]},
        "result": {"path": str(result), "bytes": sizes[1]},
        "width": made.width,
        "height": made.height,
        "scores": made.scores,
        "maps": {name: str(path) for name, path in targets.items()},
    }


def _lines(sizes: list[int], made: examining.Comparison, targets: dict[str, Path]) -> Iterator[str]:
    yield f"{'size':<12} {made.width} × {made.height} px"
    yield f"{'bytes':<12} {byte_text(sizes[0])} → {byte_text(sizes[1])}, {saved_text(*sizes)} saved"
    for name, label, form, meaning in LABELS:
        value = made.scores[name]
        text = "identical" if value is None else form.format(value)
        yield f"{label:<12} {text:<12} {meaning}".rstrip()
    for name, told in made.scores.get("also", {}).items():
        yield f"{name:<12} {told['score']:<12g} version {told['version']}"
    for path in targets.values():
        yield f"{'map':<12} {shown(path)}"


COMMAND = Command(
    names=("compare",),
    summary="measure a picture against another, and draw where they differ",
    description=DESCRIPTION,
    declare=declare,
    run=run,
)
