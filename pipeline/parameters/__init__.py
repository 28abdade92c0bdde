"""Every transformation parameter a URL may carry, as a table.

`params` reads and writes by it, and a test holds docs/parameters.md to it. A new option is a new row, and at its
default it changes no canonical text and so no key.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from pipeline.parameters.look import LOOK
from pipeline.parameters.output import OUTPUT
from pipeline.parameters.overlay import OVERLAY
from pipeline.parameters.row import Parameter
from pipeline.parameters.shape import SHAPE

__all__ = ["BY_NAME", "PARAMETERS", "Parameter"]

PARAMETERS: Final[tuple[Parameter, ...]] = (*SHAPE, *LOOK, *OVERLAY, *OUTPUT)

BY_NAME: Final[Mapping[str, Parameter]] = {name: row for row in PARAMETERS for name in (row.name, *row.aliases)}
