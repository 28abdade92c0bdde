"""Options that cannot show: taken out of a resolved spec, so that specs which mean the same become equal."""

from __future__ import annotations

from dataclasses import replace

from pipeline.spec import TransformSpec

CENTRED = ("centre", "focal", "attention", "entropy")
"""Gravities that lay a letterboxed picture in the middle of its canvas."""

_MARK = ("mark", "mark_align", "mark_alpha", "mark_scale", "mark_pad", "mark_tile")
_TEXT = (
    "text", "text_size", "text_colour", "text_font", "text_align", "text_alpha", "text_pad", "text_tile",
)  # fmt: skip
_DEFAULT = TransformSpec()


def without_idle_options(spec: TransformSpec) -> TransformSpec:
    """This will set every option that cannot show to its default.

    >>> without_idle_options(TransformSpec(width=400, fit="crop", mark_align="north", corner_radius=(8, 8, 8, 8)))
    ... # doctest: +ELLIPSIS
    TransformSpec(page=None, width=400, height=None, fit='clip', ...
    """
    for part in (_box, _tones, _mask, _mark, _text):
        spec = part(spec)
    return spec


def _box(spec: TransformSpec) -> TransformSpec:
    """A fit shows where there is a box, a gravity where something is cut."""
    spec = replace(spec, enlarge=spec.enlarge and bool(spec.width or spec.height))
    if not spec.has_box:
        spec = replace(spec, fit=_DEFAULT.fit)
    if spec.fit == "crop":
        return spec
    gravity = spec.gravity if spec.fit == "fill" and spec.gravity not in CENTRED else _DEFAULT.gravity
    return replace(spec, gravity=gravity, focal_x=None, focal_y=None)


def _tones(spec: TransformSpec) -> TransformSpec:
    if spec.monochrome and not spec.monochrome[3]:
        spec = replace(spec, monochrome=None)
    if spec.duotone is None or spec.duotone_alpha == 0:
        spec = _reset(spec, ("duotone", "duotone_alpha"))
    return replace(spec, pixelate=0) if spec.pixelate == 1 else spec


def _mask(spec: TransformSpec) -> TransformSpec:
    if spec.mask != "corners":
        return _reset(spec, ("corner_radius",))
    return spec if any(spec.corner_radius) else replace(spec, mask="")


def _mark(spec: TransformSpec) -> TransformSpec:
    if not spec.mark:
        return _reset(spec, _MARK)
    return _reset(spec, ("mark_align",)) if spec.mark_tile else spec


def _text(spec: TransformSpec) -> TransformSpec:
    if not (spec.text and spec.text_alpha and spec.text_colour[3]):
        return _reset(spec, _TEXT)
    # Tiles fill everything, but lines are flush to a side.
    return _reset(spec, ("text_align",)) if spec.text_tile and "\n" not in spec.text else spec


def _reset(spec: TransformSpec, names: tuple[str, ...]) -> TransformSpec:
    return replace(spec, **{name: getattr(_DEFAULT, name) for name in names})
