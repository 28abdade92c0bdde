"""What is drawn for each parameter of `pipeline.parameters.PARAMETERS`: the queries, from left to right."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

CELL = "w=150&h=100&fit=crop&snap=0"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """A strip of results of one demo master."""

    asked: tuple[str, ...]
    """What each caption says."""
    common: str = CELL
    """Added to each of them, where it does not say otherwise itself."""
    master: str = "harbour"
    """One of `draw_parameters.MASTERS`."""


def strip(*asked: str, common: str = CELL, master: str = "harbour") -> Recipe:
    return Recipe(asked=asked, common=common, master=master)


NARROW = "w=50&h=100&fit=crop&snap=0"

SMALL = "w=110&h=100&fit=crop&snap=0"
MARK = f"{CELL}&mark=badge"
TEXT = f"{CELL}&txt=Fjord&txt-size=24&txt-color=fff"

RECIPES: Mapping[str, Recipe] = {
    "page": strip("page=1", "page=2", "page=3", common="h=100&snap=0", master="pages"),
    "w": strip("w=60", "w=110", "w=160", common="snap=0"),
    "h": strip("h=40", "h=75", "h=110", common="snap=0"),
    "ar": strip("ar=1", "ar=16:9", "ar=3:4", common="h=100&fit=crop&snap=0"),
    "fit": strip("fit=clip", "fit=crop", "fit=fill", "fit=scale", common="w=110&h=110&snap=0&bg=f3c15f"),
    "crop": strip("crop=left", "crop=centre", "crop=right", "crop=attention", common=NARROW, master="poppies"),
    "fp-x": strip("fp-x=0.1", "fp-x=0.5", "fp-x=0.9", common=NARROW, master="poppies"),
    "fp-y": strip("fp-y=0.1", "fp-y=0.5", "fp-y=0.9", common="w=150&h=50&fit=crop&snap=0"),
    "dpr": strip("dpr=1", "dpr=1.5", "dpr=2", common="w=70&snap=0"),
    "enlarge": strip("enlarge=0", "enlarge=1", common="w=150&snap=0", master="small"),
    "rect": strip("", "rect=600,300,450,300"),
    "trim": strip("", "trim=auto", common="h=100&snap=0", master="framed"),
    "rot": strip("rot=0", "rot=90", "rot=180", common="h=100&snap=0"),
    "flip": strip("", "flip=h", "flip=v"),
    "bri": strip("bri=-40", "", "bri=40"),
    "con": strip("con=-60", "", "con=60"),
    "gam": strip("gam=-60", "", "gam=60"),
    "sat": strip("sat=-100", "", "sat=70"),
    "monochrome": strip("", "monochrome=704214", "monochrome=80704214"),
    "duotone": strip("", "duotone=000080,fa8072", "duotone=052e16,fde68a"),
    "duotone-alpha": strip("duotone-alpha=100", "duotone-alpha=50", common=f"{CELL}&duotone=000080,fa8072"),
    "px": strip("px=0", "px=6", "px=20"),
    "blur": strip("blur=0", "blur=20", "blur=80"),
    "sharp": strip("sharp=0", "sharp=50", "sharp=100", common=SMALL),
    "bg": strip("", "bg=teal", "bg=80ff0000", common="h=100&snap=0", master="badge"),
    "border": strip("", "border=3,fff", "border=8,f3c15f"),
    "mask": strip("mask=corners&corner-radius=24", "mask=ellipse", "mask=circle"),
    "corner-radius": strip(
        "corner-radius=12", "corner-radius=40", "corner-radius=50,0,50,0", common=f"{CELL}&mask=corners"
    ),
    "pad": strip("pad=0", "pad=12", common="h=80&bg=f3c15f&snap=0"),
    "mark": strip("", "mark=badge"),
    "mark-align": strip("mark-align=top,left", "mark-align=centre", "mark-align=bottom,right", common=MARK),
    "mark-alpha": strip("mark-alpha=100", "mark-alpha=60", "mark-alpha=25", common=MARK),
    "mark-scale": strip("mark-scale=10", "mark-scale=25", "mark-scale=50", common=MARK),
    "mark-pad": strip("mark-pad=0", "mark-pad=5", "mark-pad=25", common=MARK),
    "mark-tile": strip("mark-tile=0", "mark-tile=1", common=f"{MARK}&mark-alpha=60"),
    "txt": strip("", "txt=Fjord", common=f"{CELL}&txt-size=24&txt-color=fff"),
    "txt-size": strip("txt-size=12", "txt-size=24", "txt-size=40", common=TEXT),
    "txt-color": strip("txt-color=fff", "txt-color=f3c15f", "txt-color=052e16", common=TEXT),
    "txt-font": strip("txt-font=sans", "txt-font=bold", "txt-font=mono", common=TEXT),
    "txt-align": strip("txt-align=top,left", "txt-align=centre", "txt-align=bottom,right", common=TEXT),
    "txt-alpha": strip("txt-alpha=100", "txt-alpha=40", common=TEXT),
    "txt-pad": strip("txt-pad=0", "txt-pad=10", "txt-pad=30", common=TEXT),
    "txt-tile": strip("txt-tile=0", "txt-tile=1", common=f"{CELL}&txt=Fjord&txt-size=16&txt-color=fff"),
    "fm": strip("fm=jpg", "fm=gif"),
    "q": strip("q=80", "q=20", "q=3", common=f"{SMALL}&fm=webp"),
}

UNSEEN: Mapping[str, str] = {
    "snap": "Without it a width of 500 becomes 560, the next rung of the ladder; with `snap=0` it stays 500. The "
    "strips on this page are drawn with `snap=0`.",
    "min-worst-tile": "The smallest file is sought whose worst tile of 64 px is at least so similar to the picture "
    "before encoding: a face before a flat sky then counts as much as the sky. The receipt says how similar it is.",
    "max-delta-e": "The smallest file is sought in which 99 of 100 pixels keep within that ΔE00 of the picture before "
    "encoding. The receipt says how far they are off.",
    "max-bytes": "What a bound does shows in the file's size: the quality falls first, down to a floor, then the "
    "picture becomes smaller. `X-Imgopt-Max-Bytes` says whether the bound was met.",
    "auto": "The result is the same with and without it: the format is negotiated and the quality chosen anyway.",
}
"""Parameters that cannot be told from a picture, and what is said instead."""
