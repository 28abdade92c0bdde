"""Bytes and a spec in, a rendition out.

The web process imports this module for `RenderRequest` and to hand `render` to a child by name. libvips is therefore
loaded by the first call, in the child, and not by the import.
"""

from __future__ import annotations

from pipeline.rendition import Rendition
from pipeline.request import RenderRequest

__all__ = ["RenderRequest", "render"]


def render(data: bytes, request: RenderRequest, *, measure: bool = False) -> Rendition:
    """This will make one rendition of a master's bytes and, if asked to, measure it.

    Raises `UnsupportedFormat`, `DamagedImage`, `ImageTooLarge` or `OutputTooLarge`. May crash or hang on crafted
    bytes: call it in a process that can be killed.
    """
    from pipeline import production

    return production.produce(data, request, measure=measure)
