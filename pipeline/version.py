"""What a variant's bytes hang on besides master, spec and format: this code and the encoders beneath it.

No import here loads libvips: the web process makes keys and never decodes.
"""

from __future__ import annotations

from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Final

PIPELINE_VERSION: Final = 4
"""Raise it with every change that makes other bytes of the same request; all variants are then made anew."""

_PACKAGES: Final = ("pyvips", "pyvips-binary", "pillow", "pymupdf-fonts", "pyoxipng")
"""pyvips-binary is libvips with its encoders in one wheel, so its version stands for all of theirs."""


@cache
def fingerprint() -> str:
    """This will name the version of everything that shapes a variant's bytes, as a part of its key."""
    return "/".join([str(PIPELINE_VERSION), *(f"{name}-{_installed(name)}" for name in _PACKAGES)])


def _installed(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "none"  # libvips from the system; whoever changes it raises PIPELINE_VERSION or purges
