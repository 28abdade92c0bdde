"""How a setting is declared: see `imgopt.config`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import field
from typing import Any, Literal


def option(
    name: str,
    parse: Callable[[str], Any],
    default: Any,
    meaning: str,
    *,
    secret: bool = False,
    empty: Literal["default", "refused", "value"] = "default",
) -> Any:
    """This will declare a setting. `empty` is what an empty text means: an empty secret never means "off"."""
    return field(
        default=default,
        metadata={"name": name, "parse": parse, "meaning": meaning, "secret": secret, "empty": empty},
    )
