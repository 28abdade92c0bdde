"""libvips as this project runs it: no operation cache, and no loader but those on the allow-list.

`block_untrusted` is called once in every process that decodes; `prove_untrusted_blocked` then tries blocked
loaders on real pictures, because a misspelt name blocks nothing and says nothing.
"""

from __future__ import annotations

import logging
import os
from typing import Any

# libvips reads this once, when it starts.
os.environ["VIPS_BLOCK_UNTRUSTED"] = "1"

import pyvips

from pipeline.errors import ImgoptError

logging.getLogger("pyvips").setLevel(logging.WARNING)  # at INFO it tells of every thread pool
pyvips.cache_set_max(0)  # a repeated call must decode again, and a child must not keep old pictures

Image = Any
"""A `pyvips.Image`; pyvips carries no types."""

ALLOWED_LOADERS = {
    "jpegload_buffer": "VipsForeignLoadJpegBuffer",
    "pngload_buffer": "VipsForeignLoadPngBuffer",
    "webpload_buffer": "VipsForeignLoadWebpBuffer",
    "heifload_buffer": "VipsForeignLoadHeifBuffer",
    "gifload_buffer": "VipsForeignLoadNsgifBuffer",
    "tiffload_buffer": "VipsForeignLoadTiffBuffer",
}
"""Operation and the class that implements it, for `vips_operation_block_set`."""

_SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="2" height="2"/>'
_MATRIX = b"2 2\n1 2\n3 4\n"
_NOT_ALLOWED: tuple[tuple[str, bytes], ...] = (("svgload_buffer", _SVG), ("matrixload_source", _MATRIX))
"""One loader that libvips itself calls untrusted and one that it trusts, each with bytes it would gladly load."""


class LoaderNotBlocked(ImgoptError):
    """A loader that must not run has run: the process must not serve."""

    code = "loader_not_blocked"


def call(operation: str, *args: Any, **options: Any) -> Any:
    """This will run a libvips operation by its exact name."""
    return pyvips.Operation.call(operation, *args, **options)


def block_untrusted() -> None:
    """This will block every loader of libvips except those in `ALLOWED_LOADERS`.

    Blocked first and then allowed one by one, a wrong name fails closed: that format stops working, and the self-test
    says so.
    """
    pyvips.block_untrusted_set(True)
    pyvips.operation_block_set("VipsForeignLoad", True)
    for class_name in ALLOWED_LOADERS.values():
        pyvips.operation_block_set(class_name, False)


def prove_untrusted_blocked() -> None:
    """This will try blocked loaders on real pictures and raise `LoaderNotBlocked` if one of them loads.

    It also opens a PNG, so that a block that blocks everything is found too.
    """
    for operation, data in _NOT_ALLOWED:
        if _loads(operation, data):
            raise LoaderNotBlocked(f"Expected libvips' {operation} to be blocked in this process, received a picture.")
    png = call("pngsave_buffer", pyvips.Image.black(1, 1))
    if not _loads("pngload_buffer", png):
        raise LoaderNotBlocked("Expected libvips' pngload_buffer to be allowed in this process, received a refusal.")


def _loads(operation: str, data: bytes) -> bool:
    source = pyvips.Source.new_from_memory(data) if operation.endswith("_source") else data
    try:
        call(operation, source).avg()
    except pyvips.Error:
        return False
    return True
