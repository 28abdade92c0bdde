"""What a step is."""

from __future__ import annotations

from collections.abc import Callable

from pipeline import vips
from pipeline.geometry import Plan

Step = Callable[[vips.Image, Plan], vips.Image]
