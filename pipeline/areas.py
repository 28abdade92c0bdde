"""Which part of a master to start from: rects on the upright picture, and where they lie in the stored one."""

from __future__ import annotations

from dataclasses import replace

from pipeline.errors import BadParameter
from pipeline.spec import Rect, TransformSpec

# What takes an upright picture back to the stored one: mirror left-right, mirror top-bottom, then, from 5 on, swap
# rows with columns (EXIF 2.32, tag 0x0112).
MIRRORS: dict[int, tuple[bool, bool]] = {
    1: (False, False),
    2: (True, False),
    3: (True, True),
    4: (False, True),
    5: (False, False),
    6: (True, False),
    7: (True, True),
    8: (False, True),
}


def start_area(spec: TransformSpec, *, width: int, height: int, orientation: int) -> Rect | None:
    """This will give the part of the stored picture that the spec's `rect` names; None: all of it.

    It is where a trim looks for its border. `width` and `height` are those of the upright master.
    """
    start = clamp_rect(spec.rect, width, height)
    whole = (start.width, start.height) == (width, height)
    return None if whole else stored_rect(start, width, height, orientation)


def after_trim(spec: TransformSpec, found: Rect, *, width: int, height: int) -> TransformSpec:
    """This will give the spec with its trim resolved: `found`, in upright pixels of the start area, becomes the rect.

    >>> spec = TransformSpec(trim=10, rect=Rect(left=100, top=0, width=500, height=500))
    >>> after_trim(spec, Rect(left=20, top=30, width=40, height=50), width=1000, height=500).rect
    Rect(left=120, top=30, width=40, height=50)
    """
    start = clamp_rect(spec.rect, width, height)
    return replace(spec, trim=0, rect=replace(found, left=start.left + found.left, top=start.top + found.top))


def clamp_rect(rect: Rect | None, width: int, height: int) -> Rect:
    """This will give the part of `rect` that lies on the picture; None stands for all of it."""
    if rect is None:
        return Rect(left=0, top=0, width=width, height=height)
    kept_width = min(rect.width, width - rect.left)
    kept_height = min(rect.height, height - rect.top)
    if kept_width < 1 or kept_height < 1:
        received = f"{rect.left},{rect.top},{rect.width},{rect.height}"
        raise BadParameter(
            f"Expected an area of the picture, which has {width} × {height} px, for rect, received '{received}'."
        )
    return replace(rect, width=kept_width, height=kept_height)


def stored_rect(rect: Rect, width: int, height: int, orientation: int) -> Rect:
    """This will map a rect on an upright picture of `width` × `height` to the picture as stored.

    >>> stored_rect(Rect(left=0, top=0, width=10, height=20), 100, 50, 6)
    Rect(left=0, top=90, width=20, height=10)
    """
    mirror_x, mirror_y = MIRRORS[orientation]
    left = width - rect.left - rect.width if mirror_x else rect.left
    top = height - rect.top - rect.height if mirror_y else rect.top
    if orientation >= 5:
        return Rect(left=top, top=left, width=rect.height, height=rect.width)
    return Rect(left=left, top=top, width=rect.width, height=rect.height)
