"""Which release of imgopt this is."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed_version

from imgopt.values import BASE_DIR


@cache
def version() -> str:
    """This will give the version of the installed wheel, or of the checkout that runs."""
    try:
        return installed_version("imgopt")
    except PackageNotFoundError:
        return str(tomllib.loads((BASE_DIR / "pyproject.toml").read_text())["project"]["version"])
