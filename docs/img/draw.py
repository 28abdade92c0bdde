"""Draws the README's pictures from the demo masters: `python -m docs.img.draw`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyvips

from imgopt.demo import draw_harbour, draw_poppies

HERE = Path(__file__).parent


def resized(data: bytes, width: int, *, managed: bool) -> Any:
    image = pyvips.Image.new_from_buffer(data, "")
    if managed:
        image = image.icc_transform("srgb", embedded=True, black_point_compensation=True)
    return image.resize(width / image.width)


def main() -> None:
    hero = resized(draw_harbour(), 1200, managed=True).crop(0, 100, 1200, 640)
    hero.webpsave(str(HERE / "harbour.webp"), Q=80, keep="none", effort=6, smart_subsample=True)

    poppies = draw_poppies()
    left, right = (resized(poppies, 900, managed=managed).crop(200, 160, 598, 400) for managed in (True, False))
    pair = left.join(right, "horizontal", shim=4, background=[255, 255, 255], expand=True)
    pair.webpsave(str(HERE / "profile.webp"), Q=84, keep="none", effort=6, smart_subsample=True)


if __name__ == "__main__":
    main()
