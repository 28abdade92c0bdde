"""Draws the pictures of docs/quality.md and records what they measure: `python -m docs.img.draw_quality`.

All are made by the service's own pipeline of what code draws. The tables of figures below them are written into the
page, between the comments that name them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyvips

from imgopt.demo import draw_harbour
from pipeline.limits import Limits
from pipeline.many import produce_each
from pipeline.measuring import decoded as lazily_decoded
from pipeline.quality import Scores, delta_e_map, measure, ssim_map
from pipeline.render import RenderRequest, render
from pipeline.rendition import Rendition
from pipeline.spec import Format, TransformSpec
from pipeline.targets import TARGETS

HERE: Final = Path(__file__).parent / "quality"
RECORD: Final = HERE / "drawn.json"
PAGE: Final = Path(__file__).parents[1] / "quality.md"
LABELS: Final = {
    "bytes": "bytes",
    "quality": "`q`",
    "ssim": "SSIM",
    "worst_tile": "worst tile",
    "psnr": "PSNR, dB",
    "rmse": "RMSE",
    "delta_e_mean": "ΔE00 mean",
    "delta_e_p99": "99th percentile",
    "chroma_delta_e": "chroma ΔE00",
}
GAP: Final = 6
LOSSY: Final = frozenset({"maps"})
"""Scaled down, so that no pixel is one that was measured; the others keep theirs."""
WIDTH: Final = 480
CUT: Final = (250, 140, 112, 112)
"""Of the harbour at that width: cabins, stilts and their reflections. Left, top, width, height."""
Drawing = tuple[Any, dict[str, Any]]
"""A picture, and what it shows in figures."""


def main() -> None:
    HERE.mkdir(exist_ok=True)
    record = {}
    for name, draw in DRAWINGS.items():
        image, figures = draw()
        body = bytes(image.webpsave_buffer(lossless=name not in LOSSY, Q=85, effort=6, keep="none"))
        (HERE / f"{name}.webp").write_bytes(body)
        record[name] = {"sha256": hashlib.sha256(body).hexdigest(), "figures": figures}
        print(f"{name:10} {len(body):7} bytes  {json.dumps(figures)}")  # noqa: T201
    RECORD.write_text(json.dumps(record, indent=1) + "\n", "utf-8")
    PAGE.write_text(page(PAGE.read_text("utf-8")), "utf-8")


def page(text: str) -> str:
    """This will give the page with the tables that the record says."""
    tables = {name: table(each["figures"]) for name, each in json.loads(RECORD.read_text("utf-8")).items()}
    for name, lines in {**tables, "aims": aims()}.items():
        before, begin, rest = text.partition(f"<!-- figures: {name} -->\n")
        _old, end, after = rest.partition("<!-- end -->")
        if not end:
            raise ValueError(f"Expected comments around the figures of {name} in {PAGE.name}, received none.")
        text = f"{before}{begin}\n{lines}\n{end}{after}"
    return text


def aims() -> str:
    """This will tell what the named targets ask, from their table."""
    lines = ["| `q` | SSIM at least | worst tile at least | chroma ΔE00 at most |", "|---|---|---|---|"]
    for name, target in TARGETS.items():
        asked = [f"{value:g}" if value is not None else "–" for value in (target.worst_tile, target.chroma_delta_e)]
        lines.append(f"| `auto:{name}` | {target.ssim:g} | {' | '.join(asked)} |")
    return "\n".join(lines) + "\n"


def table(figures: Mapping[str, Mapping[str, Any]]) -> str:
    names = [name for name in LABELS if any(name in row for row in figures.values())]
    lines = [f"| | {' | '.join(LABELS[name] for name in names)} |", f"|---|{'---|' * len(names)}"]
    for label, row in figures.items():
        values = [f"{row[name]:,}" if isinstance(row[name], int) else str(row[name]) for name in names]
        lines.append(f"| {label} | {' | '.join(values)} |")
    return "\n".join(lines) + "\n"


def draw_targets() -> Drawing:
    """The harbour before encoding, and as a WebP at the three targets, twice as large."""
    before, made = harbour()
    cells = [cut(before), *(cut(decoded(each.body, each.format)) for each in made.values())]
    return joined([doubled(cell) for cell in cells]), {
        f"`auto:{name}`": {"bytes": len(each.body), "quality": each.quality, **told(scores_of(each))}
        for name, each in made.items()
    }


def draw_maps() -> Drawing:
    """The harbour at `eco`, its map of SSIM and its map of ΔE00."""
    before, made = harbour()
    after = decoded(made["eco"].body, "webp")
    maps = [array_image(draw(before, after)) for draw in (ssim_map, delta_e_map)]
    return joined([each.resize(0.6) for each in (after, *maps)]), {"`auto:eco`": told(measure(before, after))}


def draw_bleed() -> Drawing:
    """Red letters on blue as a JPEG with halved and with whole chroma, at one quality, and their maps of ΔE00."""
    spec = TransformSpec(
        text="red on blue", text_size=40, text_colour=(225, 20, 30, 255), text_align="centre", text_pad=0
    )
    ground = array_image(np.full((72, 234, 3), (30, 60, 190), np.uint8))
    lettered = render(ground.pngsave_buffer(), RenderRequest(spec=spec, format="png", limits=Limits()))
    before = decoded(lettered.body, "png")
    cells, figures = [], {}
    for name, mode in (("4:2:0", "on"), ("4:4:4", "off")):
        body = bytes(before.jpegsave_buffer(Q=80, subsample_mode=mode, keep="none", optimize_coding=True))
        after = decoded(body, "jpeg")
        cells.append(joined([after, array_image(delta_e_map(before, after))], down=True))
        figures[name] = {"bytes": len(body), **told(measure(before, after))}
    return doubled(joined(cells)), figures


def draw_unseen() -> Drawing:
    """A picture and three that differ from it in a way that SSIM hardly sees, or sees too well."""
    before, _ = harbour()
    pixels = cut(before).numpy().astype(float)
    luma = pixels @ (0.299, 0.587, 0.114)
    grey = np.repeat(luma[:, :, np.newaxis], 3, axis=2)
    grain = np.random.default_rng(5).normal(0, 2.5, pixels.shape[:2])[:, :, np.newaxis]
    others = {
        "half the colour": pixels + 0.5 * (grey - pixels),
        "12 steps darker": pixels - 12,
        "grain": pixels + grain,
    }
    shown = [as_bytes(pixels), *(as_bytes(each) for each in others.values())]
    figures = {name: told(measure(shown[0], each)) for name, each in zip(others, shown[1:], strict=True)}
    return joined([doubled(array_image(each)) for each in shown]), figures


def draw_worst() -> Drawing:
    """A small cabin before a large plain sky, ruined, and its map of SSIM."""
    before, _ = harbour()
    left, top, _width, _height = CUT
    small = before.crop(left, top, 64, 64).numpy()
    rows = np.linspace(0, 1, 320)[:, np.newaxis, np.newaxis]
    sky = np.broadcast_to((150, 190, 230) * (1 - rows) + (225, 215, 205) * rows, (320, 448, 3))
    scene = as_bytes(sky).copy()
    scene[192:256, 192:256] = small
    ruined = scene.copy()
    ruined[192:256, 192:256] = array_image(small).resize(1 / 4).resize(4, kernel="nearest").numpy()
    maps = array_image(ssim_map(scene, ruined))
    return joined([array_image(scene), array_image(ruined), maps]).resize(0.6), {"ruined": told(measure(scene, ruined))}


DRAWINGS: Final[Mapping[str, Callable[[], Drawing]]] = {
    "targets": draw_targets,
    "maps": draw_maps,
    "bleed": draw_bleed,
    "unseen": draw_unseen,
    "worst": draw_worst,
}


def harbour() -> tuple[Any, dict[str, Rendition]]:
    """This will give the pixels before encoding, and a WebP for each target."""
    if not _HARBOUR:
        data = draw_harbour()
        small = TransformSpec(width=WIDTH)
        plain = render(data, RenderRequest(spec=small, format="png", limits=Limits()))
        requests = [
            RenderRequest(spec=TransformSpec(width=WIDTH, quality=target), format="webp", limits=Limits())
            for target in TARGETS.values()
        ]
        made = dict(zip(TARGETS, produce_each(data, requests, measure=True), strict=True))
        _HARBOUR.append((decoded(plain.body, "png"), made))
    return _HARBOUR[0]  # type: ignore[no-any-return]


_HARBOUR: Final[list[Any]] = []


def told(scores: Scores) -> dict[str, Any]:
    return {
        "ssim": f"{scores.ssim:.4f}",
        "worst_tile": f"{scores.worst_tile:.3f}",
        "psnr": None if scores.psnr is None else f"{scores.psnr:.1f}",
        "rmse": f"{scores.rmse:.2f}",
        "delta_e_mean": f"{scores.delta_e_mean:.2f}",
        "delta_e_p99": f"{scores.delta_e_p99:.2f}",
        "chroma_delta_e": f"{scores.chroma_delta_e:.2f}",
    }


def scores_of(made: Rendition) -> Scores:
    if made.scores is None:
        raise ValueError(made.unmeasured)
    return made.scores


def decoded(body: bytes, file_format: Format) -> Any:
    return lazily_decoded(body, file_format).copy_memory()


def cut(image: Any) -> Any:
    return image.crop(*CUT)


def doubled(image: Any) -> Any:
    return image.resize(2, kernel="nearest")


def as_bytes(pixels: Any) -> Any:
    return np.clip(np.round(pixels), 0, 255).astype(np.uint8)


def array_image(pixels: Any) -> Any:
    return pyvips.Image.new_from_array(np.ascontiguousarray(pixels)).copy(interpretation="srgb")


def joined(cells: list[Any], *, down: bool = False) -> Any:
    across = 1 if down else len(cells)
    return pyvips.Image.arrayjoin(cells, across=across, shim=GAP, background=[255, 255, 255])


if __name__ == "__main__":
    main()
